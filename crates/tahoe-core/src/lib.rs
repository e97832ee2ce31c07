//! TAHOE values and rules, without input or output.
//!
//! An instance is an [`Attribute`], [`Object`], [`Event`], [`Session`] or [`Raw`]. Each can only be built
//! with the hash that the Python TAHOE library gives it, so the same value has the same [`struct@Hash`] wherever it
//! was seen: that is the correlation. A [`Query`] asks for a [`Report`] about them.
//!
//! The rules come from the project's design page and are held by the golden vectors in
//! `tests/fixtures/golden`, which the Python library made.

pub mod canonical;
mod checked;
mod event;
mod hash;
mod identity;
mod instance;
pub mod json;
mod nearest;
mod node;
pub mod python_bytes;
mod query;
pub mod question;
mod raw;
mod read;
mod report;
mod scalar;
mod session;
mod sub_type;
pub mod submission;
pub mod time;

pub use canonical::{TooLarge, canonical};
pub use checked::AmbiguousNumber;
pub use event::{Category, Event, NotReferenced};
pub use hash::{Hash, InvalidHash};
pub use identity::{InvalidField, Membership, Org, OrgError, Role, User, UserError};
pub use instance::Instance;
pub use nearest::nearest;
pub use node::{Attribute, Children, InvalidObject, Node, Object};
pub use query::{Query, Socket, Status};
pub use raw::Raw;
pub use read::DocumentError;
pub use report::Report;
pub use scalar::{Finite, InvalidScalar, Scalar};
pub use serde_json::Value;
pub use session::Session;
pub use sub_type::{InvalidSubType, SubType};

/// The `_hash` of the organisation that a raw or an event belongs to. Any text but the empty one:
/// organisations of the Python system are known by the hash of their name, tests and small sites use names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct OrgId(std::sync::Arc<str>);

/// An empty organisation id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("orgid is empty")]
pub struct EmptyOrgId;

impl OrgId {
    /// The id as it stands in documents.
    pub fn new(text: &str) -> Result<Self, EmptyOrgId> {
        if text.is_empty() {
            Err(EmptyOrgId)
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The id as it stands in documents.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for OrgId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// A point in time: Unix seconds UTC, as a finite double.
pub type Timestamp = Finite;

/// The beginning of a text for an error message: whoever sent it may have sent megabytes.
pub(crate) fn excerpt(text: &str) -> std::borrow::Cow<'_, str> {
    const CHARS: usize = 100;
    match text.char_indices().nth(CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]).into(),
        None => text.into(),
    }
}
