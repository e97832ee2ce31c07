//! Raws: written by the archive daemon, taken by analytics.

pub(crate) mod outcome;
pub(crate) mod pending;
pub(crate) mod queue;
pub(crate) mod versions;
