//! The parts that pages are made of.

pub(crate) mod family;
pub(crate) mod frame;
pub(crate) mod number;
pub(crate) mod rank;
pub(crate) mod score;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod value;
