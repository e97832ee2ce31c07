//! The error of a time that cannot be read.

/// The longest part of a refused text that an error repeats, in characters.
const SHOWN_CHARS: usize = 100;

/// The reason why a time was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {text:?}: {reason}")]
pub struct TimeError {
    /// The field of the query: `from`, `to`, `last` or `tzname`; `time` for a text outside of a query.
    pub field: &'static str,
    /// The refused text, cut to 100 characters.
    pub text: String,
    /// The problem with the text.
    pub reason: &'static str,
}

impl TimeError {
    pub(super) fn new(field: &'static str, text: &str, reason: &'static str) -> Self {
        Self {
            field,
            text: text.chars().take(SHOWN_CHARS).collect(),
            reason,
        }
    }
}
