//! Users, organisations, and who may see what.

mod org;
mod user;

pub use org::{Membership, Org, OrgError};
pub use user::{Role, User, UserError};

use crate::node::Attribute;
use crate::sub_type::SubType;

const NAME: SubType = SubType::from_static("name");

/// A text that identifies or names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct InvalidField {
    /// `email`, `orgname`, `name` or `password`.
    pub field: &'static str,
    /// The problem with its value.
    pub problem: &'static str,
}

/// The trimmed text, when it has no line breaks or other control characters and is not too long.
fn line<'a>(field: &'static str, text: &'a str) -> Result<&'a str, InvalidField> {
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

/// The attribute `name` of a user or an organisation, for people; may be empty.
fn name_attribute(name: &str) -> Result<Attribute, InvalidField> {
    Ok(Attribute::new(NAME, line("name", name)?))
}
