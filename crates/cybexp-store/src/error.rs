//! Errors of the database.

use mongodb::error::{ErrorKind, WriteFailure};

use crate::mongo::essence::essence;

/// A failure of the database, or of a document in it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The URL of a server is wrong.
    #[error("the MongoDB URL is wrong: {0}")]
    Url(String),
    /// A command failed, or the server did not answer.
    #[error("{doing}: {}", essence(cause))]
    Database {
        /// The operation that failed.
        doing: &'static str,
        /// The cause. It is not given as `source`, because printing the chain of causes would print the driver's whole
        /// topology.
        cause: Box<mongodb::error::Error>,
    },
    /// An index could not be made.
    #[error("making the index {index} of {collection}: {}", essence(cause))]
    Index {
        /// `database.collection`.
        collection: String,
        /// The name of the index.
        index: String,
        /// The cause.
        cause: Box<mongodb::error::Error>,
    },
    /// A write that the database refused for a reason that no client can foresee.
    #[error("{doing}: write refused with code {code}: {message}")]
    Write {
        /// The operation that failed.
        doing: &'static str,
        /// MongoDB's error code.
        code: i32,
        /// MongoDB's reason.
        message: String,
    },
    /// A value that BSON cannot hold.
    #[error("{doing}: {source}")]
    Bson {
        /// The operation that failed.
        doing: &'static str,
        /// The cause.
        source: Box<bson::error::Error>,
    },
    /// An archive, given as `database.collection`, that was written by the Python system or by an earlier release.
    #[error(
        "{0} is an archive of the form before this release: take it over with `cybexp migrate`"
    )]
    OldForm(String),
    /// An archive, given as `database.collection`, whose takeover has not ended.
    #[error("{0} is being taken over by `cybexp migrate`: run it until it is done")]
    Migrating(String),
    /// A collection, given as `database.collection`, that stands in the way of a migration.
    #[error(
        "{0} holds an archive of the form before this release already: look at it, and rename or drop it"
    )]
    Occupied(String),
    /// The task that stores submissions has ended, which only happens at a shutdown.
    #[error("submissions are no longer stored: the service is stopping")]
    Stopped,
}

impl StoreError {
    /// Whether a single document caused the error, rather than the server or the connection.
    pub(crate) fn is_of_a_document(&self) -> bool {
        match self {
            Self::Write { .. } | Self::Bson { .. } => true,
            Self::Database { cause, .. } => matches!(
                &*cause.kind,
                ErrorKind::InsertMany(refused) if refused.write_errors.is_some()
            ),
            Self::Url(_)
            | Self::Index { .. }
            | Self::OldForm(_)
            | Self::Migrating(_)
            | Self::Occupied(_)
            | Self::Stopped => false,
        }
    }
}

/// MongoDB's error codes of a server that is going down, coming up, or no primary.
const ON_ITS_WAY: [i32; 8] = [91, 189, 10107, 11600, 11602, 13435, 13436, 10058];

impl StoreError {
    /// Returns MongoDB's code of a command or write that the server refused.
    pub(crate) fn code(&self) -> Option<i32> {
        match self {
            Self::Write { code, .. } => Some(*code),
            Self::Database { cause, .. } => match &*cause.kind {
                ErrorKind::Command(command) => Some(command.code),
                ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the server is away: nobody answers, the connection is lost, or there is no primary. That ends at any time,
    /// by itself.
    pub fn is_away(&self) -> bool {
        let (Self::Database { cause, .. } | Self::Index { cause, .. }) = self else {
            return false;
        };
        match &*cause.kind {
            ErrorKind::Io(_)
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::ConnectionPoolCleared { .. } => true,
            ErrorKind::Command(command) => ON_ITS_WAY.contains(&command.code),
            _ => cause.contains_label("RetryableWriteError"),
        }
    }
}

/// Adds the name of the operation to an error.
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
