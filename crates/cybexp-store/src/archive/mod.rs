//! The archive's collection, and instances in it.

pub(crate) mod missing;
pub(crate) mod open;
