//! Texts that identify or name a user or an organisation.

use crate::node::Attribute;
use crate::sub_type::SubType;

pub(super) const NAME: SubType = SubType::from_static("name");

/// Error for a text that cannot identify or name a user or an organisation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct InvalidField {
    /// The field: `email`, `orgname`, `name` or `password`.
    pub field: &'static str,
    /// The problem with the field's value.
    pub problem: &'static str,
}

/// Returns the trimmed text, if it has at most 255 characters and no line breaks or other control characters.
pub(super) fn line<'a>(field: &'static str, text: &'a str) -> Result<&'a str, InvalidField> {
    let text = text.trim();
    let problem = if text.chars().count() > 255 {
        "is longer than 255 characters"
    } else if text.contains(char::is_control) {
        "holds a control character"
    } else {
        return Ok(text);
    };
    Err(InvalidField { field, problem })
}

/// Makes the attribute `name` of a user or an organisation, which is for people and may be empty.
pub(super) fn name_attribute(name: &str) -> Result<Attribute, InvalidField> {
    Ok(Attribute::new(NAME, line("name", name)?))
}
