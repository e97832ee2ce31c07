//! Sealed submissions: entries and their files in GridFS.

pub(crate) mod entry;
pub(crate) mod fate;
pub(crate) mod files;
pub(crate) mod grid;
pub(crate) mod open;
pub(crate) mod orphans;
pub(crate) mod queue;
pub(crate) mod recent;
pub(crate) mod records;
pub(crate) mod submit;
pub(crate) mod submitter;
