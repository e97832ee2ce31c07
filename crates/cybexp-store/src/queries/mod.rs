//! The queue of queries, and their reports.

pub(crate) mod queue;
pub(crate) mod stored;
