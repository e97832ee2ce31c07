//! Records that were set aside: listed, tried again, deleted.

pub(crate) mod discard;
pub(crate) mod list;
pub(crate) mod selection;
