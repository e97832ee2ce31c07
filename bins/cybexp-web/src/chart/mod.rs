//! Pictures of numbers, made on the server as SVG.

mod timeline;

pub(crate) use timeline::{Timeline, timeline};
