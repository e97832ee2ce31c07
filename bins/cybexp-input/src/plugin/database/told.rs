//! Errors of databases, for people.

use anyhow::anyhow;

/// Reduces an error of sqlx to the message of the database: sqlx repeats it within words of its own.
pub(super) fn told(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<sqlx::Error>() {
        Ok(sqlx::Error::Database(error)) => anyhow!(error.message().to_owned()),
        Ok(error) => anyhow!(error.to_string()),
        Err(error) => error,
    }
}
