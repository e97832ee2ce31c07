//! The TAHOE graph: written by analytics, read by reports.

pub(crate) mod derived;
pub(crate) mod hours;
pub(crate) mod journal;
pub(crate) mod read;
pub(crate) mod write;
