//! The graph around a value, as a picture.

mod layout;
mod model;
mod svg;

pub(crate) use model::{Graph, anchor, subject_of_event};
pub(crate) use svg::{picture, standalone};
