//! Raws: written by the archive daemon, taken by the filters.

pub(crate) mod queue;
