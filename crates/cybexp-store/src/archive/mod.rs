//! The archive's collection, and instances in it.

pub(crate) mod data;
pub(crate) mod having;
pub(crate) mod ids;
pub(crate) mod keys;
pub(crate) mod labels;
pub(crate) mod missing;
pub(crate) mod open;
pub(crate) mod rebuilt;
pub(crate) mod stored;
