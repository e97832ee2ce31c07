//! Feeds as they leave: who may read one, and its bytes.

pub(crate) mod access;
pub(crate) mod body;
pub(crate) mod collection;
pub(crate) mod convert;
pub(crate) mod filters;
mod position;
