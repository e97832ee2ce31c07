//! The error of a question.

use std::fmt;

use crate::time::TimeError;

/// The error of a question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field {field}: {reason}")]
pub struct QuestionError {
    /// The field's name in the query.
    pub field: String,
    /// The problem with the field.
    pub reason: String,
}

impl From<TimeError> for QuestionError {
    fn from(error: TimeError) -> Self {
        let reason = format!("`{}` {}", error.text, error.reason);
        bad(error.field, reason)
    }
}

/// Makes the error of this field.
pub(super) fn bad(field: impl fmt::Display, reason: impl fmt::Display) -> QuestionError {
    QuestionError {
        field: field.to_string(),
        reason: reason.to_string(),
    }
}

/// Makes the reason of a text that is none of the names.
pub(super) fn one_of<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    format!(
        "`{}` is not one of {}",
        crate::excerpt::excerpt(text),
        names.join(", ")
    )
}
