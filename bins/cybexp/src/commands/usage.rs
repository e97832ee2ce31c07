//! Wrong usage that the command line's own description cannot tell.

/// What is wrong with the arguments; the exit status is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);
