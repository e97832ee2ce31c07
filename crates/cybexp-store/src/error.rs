//! What can go wrong with the database.

/// A failure of the database, or of what stands in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL of a server is wrong.
    #[error("the MongoDB URL is wrong: {0}")]
    Url(String),
    /// A command failed or nobody answered.
    #[error("{doing}: {source}")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: Box<mongodb::error::Error>,
    },
    /// An index could not be made.
    #[error("making the index {index} of {collection}: {source}")]
    Index {
        /// `database.collection`.
        collection: String,
        /// Its name.
        index: String,
        /// Why it failed.
        source: Box<mongodb::error::Error>,
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
}

/// Names what was tried when it failed.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, mongodb::error::Error> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Database {
            doing,
            source: Box::new(source),
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
