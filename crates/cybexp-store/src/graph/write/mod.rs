//! Writing the graph.

pub(crate) mod batch;
pub(crate) mod events;
pub(crate) mod sessions;
pub(crate) mod writer;
