//! Writing the graph.

pub(crate) mod batch;
pub(crate) mod events;
mod known;
pub(crate) mod replace;
pub(crate) mod seen_values;
pub(crate) mod sessions;
pub(crate) mod writer;
