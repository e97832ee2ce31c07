//! The error of the spool.

use std::path::PathBuf;

/// The reason why the spool cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpoolError {
    /// SQLite failed, for example because the disk is full or the file is damaged.
    #[error("{}: {reason}", file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// The reason that SQLite gives.
        reason: String,
    },
    /// The thread that writes it has ended.
    #[error("the spool is closed")]
    Gone,
}
