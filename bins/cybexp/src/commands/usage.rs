//! Wrong usage that clap cannot detect from the description of the command line.

/// A problem with the arguments, in words. The exit status is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);
