//! New events as they come: analytics writes a row for each batch and organisation, and the API hands them out.

pub(crate) mod rows;
pub(crate) mod tail;
