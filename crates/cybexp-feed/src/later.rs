//! A failure that says when to try again.

use std::time::Duration;

/// A failure of a source that asks to be left alone for a while (`Retry-After`).
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Later {
    /// The error.
    pub reason: String,
    /// The shortest time to wait.
    pub wait: Duration,
}
