//! Reading instances of the graph by hash, for reports. The number of results is bounded by the request.

use bson::{Document, doc};
use serde::Deserialize;
use tahoe_core::question::ReturnType;
use tahoe_core::{Hash, Value};

use crate::error::StoreError;
use crate::graph::read::hex::hex;
use crate::graph::read::reader::GraphReader;
use crate::mongo::collection::from_document;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::{IDENTITY, SESSION_REF};
use crate::mongo::row::LeftOut;
use crate::visible::Visible;

/// The fields of an event or a session that related reports use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CompositeRow {
    /// The instance's hash.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// The instance's type.
    pub sub_type: String,
    /// Hashes of the children.
    #[serde(rename = "_cref")]
    pub cref: Vec<Hash>,
    /// Hashes of all descendants; for a session, also of its events.
    #[serde(rename = "_ref")]
    pub refs: Vec<Hash>,
    /// The time of an event, in Unix seconds.
    #[serde(default)]
    pub timestamp: Option<f64>,
    /// An event's category.
    #[serde(default)]
    pub category: Option<String>,
    /// The organisation that owns an event.
    #[serde(default)]
    pub orgid: Option<String>,
}

/// Sessions that were found, up to a limit.
#[derive(Debug, Default)]
pub struct Sessions {
    /// The sessions.
    pub rows: Vec<CompositeRow>,
    /// Whether there are more sessions, or more events in one of them.
    pub cut: bool,
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

impl GraphReader {
    /// Returns the sessions of these events, with at most `most` of the events of each.
    pub async fn sessions_of(&self, events: &[Hash], most: usize) -> Result<Sessions, StoreError> {
        let mut sessions = Sessions::default();
        for part in events.chunks(ASK) {
            let rows: Vec<CompositeRow> = sessions_of(part, most).read(&self.coll).await?;
            sessions.cut |= rows.len() > most;
            sessions.rows.extend(rows);
            if sessions.rows.len() > most {
                break;
            }
        }
        sessions.cut |= sessions
            .rows
            .iter()
            .any(|session| session.refs.len() > most);
        Ok(sessions)
    }

    /// Returns those of these events that `visible` shows.
    pub async fn visible_events(
        &self,
        events: &[Hash],
        visible: &Visible,
    ) -> Result<Vec<CompositeRow>, StoreError> {
        self.in_parts(events, |part| visible_events(part, visible))
            .await
    }

    /// Returns attributes and objects by hash.
    pub async fn nodes(&self, hashes: &[Hash]) -> Result<Vec<InstanceRow>, StoreError> {
        self.in_parts(hashes, nodes).await
    }

    /// Returns attributes and objects by hash, unless they have more than `most` bytes together: then as many as were read
    /// until that was seen.
    pub async fn nodes_up_to(
        &self,
        hashes: &[Hash],
        most: usize,
    ) -> Result<Vec<InstanceRow>, StoreError> {
        let (mut all, mut bytes) = (Vec::new(), 0_usize);
        for part in hashes.chunks(ASK) {
            let find = nodes(part);
            let mut left_out = LeftOut::new(find.doing);
            let mut rows = find.rows(&self.coll).await?;
            while bytes <= most
                && let Some(document) = rows.next().await?
            {
                match from_document::<InstanceRow>(&document) {
                    Ok(row) => {
                        bytes = bytes.saturating_add(row.bytes());
                        all.push(row);
                    }
                    Err(reason) => left_out.add(&document, &reason),
                }
            }
        }
        Ok(all)
    }

    /// Returns the sizes of documents by hash. Events only if `visible` shows them.
    pub async fn sizes(
        &self,
        hashes: &[Hash],
        itype: Option<ReturnType>,
        visible: &Visible,
    ) -> Result<Vec<InstanceSize>, StoreError> {
        self.in_parts(hashes, |part| {
            let size = doc! {"_id": 0, "_hash": 1, "bytes": {"$bsonSize": "$$ROOT"}};
            documents(part, itype, visible).project(size)
        })
        .await
    }

    /// Returns whole documents by hash, without MongoDB's id. Events are only returned if `visible` shows them.
    pub async fn documents(
        &self,
        hashes: &[Hash],
        itype: Option<ReturnType>,
        visible: &Visible,
    ) -> Result<Vec<Value>, StoreError> {
        self.in_parts(hashes, |part| documents(part, itype, visible))
            .await
    }

    pub(crate) async fn in_parts<T: serde::de::DeserializeOwned>(
        &self,
        hashes: &[Hash],
        find: impl Fn(&[Hash]) -> Find,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        for part in hashes.chunks(ASK) {
            all.extend(find(part).read(&self.coll).await?);
        }
        Ok(all)
    }
}

pub(crate) fn sessions_of(events: &[Hash], most: usize) -> Find {
    let filter = doc! {"itype": "session", "_ref": {"$in": hex(events)}};
    let refs = doc! {"$slice": ["$_ref", most as i64 + 1]};
    Find::new("reading the sessions of events", SESSION_REF, filter)
        .project(doc! {"_id": 0, "_hash": 1, "sub_type": 1, "_cref": 1, "_ref": refs})
        .limit(most as i64 + 1)
}

pub(crate) fn visible_events(events: &[Hash], visible: &Visible) -> Find {
    events_by_hash("reading the events of sessions", events, visible).project(composite())
}

/// The projection of an event for a [`CompositeRow`].
pub(crate) fn composite() -> Document {
    doc! {
        "_id": 0, "_hash": 1, "sub_type": 1, "_cref": 1, "_ref": 1, "timestamp": 1, "category": 1, "orgid": 1,
    }
}

pub(crate) fn events_by_hash(doing: &'static str, events: &[Hash], visible: &Visible) -> Find {
    let filter = doc! {
        "_hash": {"$in": hex(events)}, "orgid": {"$in": visible.orgs()}, "itype": "event",
    };
    Find::new(doing, IDENTITY, filter)
}

pub(crate) fn nodes(hashes: &[Hash]) -> Find {
    // an object's data is in its children
    let data = doc! {"$cond": [{"$eq": ["$itype", "attribute"]}, "$data", "$$REMOVE"]};
    nodes_by_hash("reading attributes and objects", hashes)
        .project(doc! {"_id": 0, "_hash": 1, "itype": 1, "sub_type": 1, "data": data, "_cref": 1})
}

pub(crate) fn nodes_by_hash(doing: &'static str, hashes: &[Hash]) -> Find {
    let filter = doc! {
        "_hash": {"$in": hex(hashes)}, "orgid": null, "itype": {"$in": ["attribute", "object"]},
    };
    Find::new(doing, IDENTITY, filter)
}

pub(crate) fn documents(hashes: &[Hash], itype: Option<ReturnType>, visible: &Visible) -> Find {
    let orgs = visible.0.iter().map(|org| bson::Bson::from(org.as_str()));
    let orgs: Vec<bson::Bson> = orgs.chain([bson::Bson::Null]).collect();
    let mut filter = doc! {"_hash": {"$in": hex(hashes)}, "orgid": {"$in": orgs}};
    match itype {
        Some(itype) => filter.insert("itype", itype.as_str()),
        None => filter.insert("itype", doc! {"$ne": "raw"}),
    };
    Find::new("reading documents", IDENTITY, filter)
        .project(doc! {"_id": 0})
        .sort(doc! {"_hash": 1})
}
