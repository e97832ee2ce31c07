//! What can go wrong with the database.

use mongodb::error::ErrorKind;

use crate::mongo::essence::essence;

/// A failure of the database, or of what stands in it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The URL of a server is wrong.
    #[error("the MongoDB URL is wrong: {0}")]
    Url(String),
    /// A command failed or nobody answered.
    #[error("{doing}: {}", essence(cause))]
    Database {
        /// What was tried.
        doing: &'static str,
        /// Why it failed. It is no `source`: whoever prints the chain of causes would print the driver's whole topology.
        cause: Box<mongodb::error::Error>,
    },
    /// An index could not be made.
    #[error("making the index {index} of {collection}: {}", essence(cause))]
    Index {
        /// `database.collection`.
        collection: String,
        /// Its name.
        index: String,
        /// Why it failed.
        cause: Box<mongodb::error::Error>,
    },
    /// A write that nothing but the database could refuse.
    #[error("{doing}: write refused with code {code}: {message}")]
    Write {
        /// What was tried.
        doing: &'static str,
        /// MongoDB's error code.
        code: i32,
        /// MongoDB's reason.
        message: String,
    },
    /// A value that BSON cannot hold.
    #[error("{doing}: {source}")]
    Bson {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: Box<bson::error::Error>,
    },
    /// A document that is not what it should be.
    #[error("{doing}: the document {hash}: {reason}")]
    Unreadable {
        /// What was tried.
        doing: &'static str,
        /// Its `_hash`.
        hash: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An upload from which nothing came for so long that it was taken for dead.
    #[error("the upload was given up, since nothing came for a minute")]
    Swept,
    /// The task that stores submissions is gone, which only a shutdown does.
    #[error("submissions are no longer stored: the service is stopping")]
    Stopped,
}

impl StoreError {
    /// Whether it is the fault of one of the documents, and not of the server or the way to it.
    pub(crate) fn is_of_a_document(&self) -> bool {
        match self {
            Self::Write { .. } | Self::Bson { .. } | Self::Unreadable { .. } => true,
            Self::Database { cause, .. } => matches!(
                &*cause.kind,
                ErrorKind::InsertMany(refused) if refused.write_errors.is_some()
            ),
            Self::Url(_) | Self::Index { .. } | Self::Swept | Self::Stopped => false,
        }
    }
}

/// Names what was tried when it failed.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, mongodb::error::Error> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|cause| StoreError::Database {
            doing,
            cause: Box::new(cause),
        })
    }
}

impl<T> Doing<T> for Result<T, bson::error::Error> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Bson {
            doing,
            source: Box::new(source),
        })
    }
}
