//! Rows of events, sessions, attributes and objects, with the fields that reports use.

use bson::{Document, doc};
use serde::{Deserialize, Deserializer};
use tahoe_core::{Hash, Value};

use crate::archive::ids::SessionId;
use crate::archive::keys;

/// The fields of an event that related reports use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CompositeRow {
    /// The event's hash.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// The event's type.
    pub sub_type: String,
    /// Hashes of the children.
    #[serde(rename = "_cref")]
    pub cref: Vec<Hash>,
    /// Hashes of all descendants.
    #[serde(rename = "_ref")]
    pub refs: Vec<Hash>,
    /// The time of the event, in Unix seconds.
    #[serde(default)]
    pub timestamp: Option<f64>,
    /// The event's category.
    #[serde(default)]
    pub category: Option<String>,
    /// The organisation that owns the event.
    #[serde(default)]
    pub orgid: Option<String>,
    /// The label of the event, if it has one: how far it may be passed on.
    #[serde(default)]
    pub tlp: Option<String>,
    /// The sessions to which the event belongs, or from which it was derived.
    #[serde(default, rename = "_keys", deserialize_with = "sessions")]
    pub sessions: Vec<SessionId>,
    /// The place of the event among those of the same time, where it was asked for.
    #[serde(default, rename = "_tie")]
    pub(crate) tie: i64,
}

/// Reads the sessions among the elements of an event's list.
fn sessions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SessionId>, D::Error> {
    let keys: Vec<bson::Binary> = Vec::deserialize(deserializer)?;
    Ok(keys
        .iter()
        .filter_map(|key| keys::session_of(&key.bytes))
        .collect())
}

/// The fields of a session that related reports use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SessionRow {
    /// The identity of the session.
    #[serde(rename = "_id")]
    pub id: SessionId,
    /// The session's hash.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// The session's type.
    pub sub_type: String,
    /// Hashes of the instances that identify it.
    #[serde(rename = "_cref")]
    pub cref: Vec<Hash>,
    /// Hashes of all descendants, without those of its events.
    #[serde(rename = "_ref")]
    pub refs: Vec<Hash>,
}

/// The fields of an attribute or object that related reports use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct InstanceRow {
    /// The instance's hash.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// The instance's kind.
    pub itype: String,
    /// The instance's type.
    pub sub_type: String,
    /// The value of an attribute.
    #[serde(default)]
    pub data: Option<Value>,
    /// Hashes of an object's children.
    #[serde(default, rename = "_cref")]
    pub cref: Vec<Hash>,
}

/// The size of a stored instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct InstanceSize {
    /// The instance's hash.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// The size of its document, in bytes.
    pub bytes: u64,
}

impl InstanceRow {
    /// Returns about how many bytes the row has.
    pub fn bytes(&self) -> usize {
        let data = match &self.data {
            Some(Value::String(text)) => text.len(),
            Some(Value::Array(_) | Value::Object(_)) => usize::MAX / 2,
            Some(Value::Null | Value::Bool(_) | Value::Number(_)) | None => 0,
        };
        size_of::<Self>() + data + self.sub_type.len() + size_of_val(self.cref.as_slice())
    }
}

/// The projection of an event for a [`CompositeRow`].
pub(crate) fn composite() -> Document {
    doc! {
        "_id": 0, "_hash": 1, "sub_type": 1, "_cref": 1, "_ref": 1, "timestamp": 1, "category": 1, "orgid": 1,
        "tlp": 1, "_keys": 1,
    }
}

/// The projection of a session for a [`SessionRow`].
pub(crate) fn session() -> Document {
    doc! {"_id": 1, "_hash": 1, "sub_type": 1, "_cref": 1, "_ref": 1}
}
