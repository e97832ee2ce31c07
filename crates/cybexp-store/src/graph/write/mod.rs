//! Writing the graph.

pub(crate) mod batch;
pub(crate) mod events;
mod firsts;
pub(crate) mod heirs;
pub(crate) mod judge;
mod judged;
mod known;
pub(crate) mod news;
pub(crate) mod rederive;
pub(crate) mod remove;
pub(crate) mod replace;
pub(crate) mod seen_values;
pub(crate) mod sessions;
pub(crate) mod writer;
