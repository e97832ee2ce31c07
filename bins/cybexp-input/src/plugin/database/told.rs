//! Errors of databases, for people.

use anyhow::anyhow;

/// What a database says is wrong, without sqlx's words around it, which come twice.
pub(super) fn told(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<sqlx::Error>() {
        Ok(sqlx::Error::Database(error)) => anyhow!(error.message().to_owned()),
        Ok(error) => anyhow!(error.to_string()),
        Err(error) => error,
    }
}
