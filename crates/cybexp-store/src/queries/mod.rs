//! The queue of queries, and their reports.

pub(crate) mod claim;
pub(crate) mod fields;
pub(crate) mod finish;
pub(crate) mod put;
pub(crate) mod queue;
pub(crate) mod status;
pub(crate) mod stored;
