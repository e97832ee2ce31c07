//! The organisation that says what a bundle says.

use serde_json::{Value, json};

use crate::ident::Uuid;
use crate::item::FeedHead;
use crate::text;
use crate::time;

/// An organisation as an identity of STIX.
#[derive(Debug, Clone, PartialEq)]
pub struct Creator {
    id: String,
    name: String,
    since: f64,
}

impl Creator {
    /// Makes the identity of an organisation that began to share at this time, in Unix seconds.
    pub fn new(organisation: &str, since: f64) -> Self {
        let id = Uuid::random_like(&["organisation", organisation]);
        Self {
            id: format!("identity--{id}"),
            name: text::comment(organisation),
            since,
        }
    }

    pub(crate) fn of(head: &FeedHead) -> Self {
        Self::new(&head.organisation, head.created)
    }

    /// Returns the identity's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the identity.
    pub fn identity(&self) -> Value {
        let since = time::millis(self.since);
        json!({
            "type": "identity", "spec_version": "2.1", "id": self.id, "created": since, "modified": since,
            "name": self.name, "identity_class": "organization",
        })
    }
}
