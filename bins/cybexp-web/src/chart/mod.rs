//! Pictures of numbers, made on the server as SVG.

mod bars;
mod timeline;

pub(crate) use bars::bars;
pub(crate) use timeline::{Timeline, timeline};
