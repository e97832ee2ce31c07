//! Sealed submissions: entries and their files in GridFS.

pub(crate) mod fate;
pub(crate) mod grid;
pub(crate) mod queue;
pub(crate) mod submitter;
pub(crate) mod sweep;
pub(crate) mod upload;
