//! The id of an organisation.

use std::sync::Arc;

/// The `_hash` of the organisation to which a raw or an event belongs. It may be any text that is not empty:
/// organisations of the Python system are identified by the hash of their name, tests and small sites use names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct OrgId(Arc<str>);

/// An empty organisation id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("orgid is empty")]
pub struct EmptyOrgId;

impl OrgId {
    /// Makes an id of the text that stands in documents.
    ///
    /// # Errors
    /// If the text is empty.
    pub fn new(text: &str) -> Result<Self, EmptyOrgId> {
        if text.is_empty() {
            Err(EmptyOrgId)
        } else {
            Ok(Self(text.into()))
        }
    }

    /// Returns the text that stands in documents.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for OrgId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}
