//! Writing the graph.

pub(crate) mod events;
