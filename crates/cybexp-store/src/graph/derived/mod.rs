//! What the second stage reads of the archive: sessions that are due, and what was there before a filter.

pub(crate) mod due;
pub(crate) mod progress;
pub(crate) mod walk;
