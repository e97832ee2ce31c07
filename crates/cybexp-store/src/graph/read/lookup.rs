//! Reading the graph: the queries that reports are made of. Everything here is bounded by what was asked.

use bson::{Document, doc};
use serde::Deserialize;
use tahoe_core::question::ReturnType;
use tahoe_core::{Hash, Value};

use crate::error::StoreError;
use crate::graph::read::reader::GraphReader;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::{IDENTITY, SESSION_REF};
use crate::visible::Visible;

/// What related reports need of an event or a session.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CompositeRow {
    /// Identity.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// Type.
    pub sub_type: String,
    /// Children.
    #[serde(rename = "_cref")]
    pub cref: Vec<Hash>,
    /// All descendants; of a session its events too.
    #[serde(rename = "_ref")]
    pub refs: Vec<Hash>,
    /// When an event happened, in Unix seconds.
    #[serde(default)]
    pub timestamp: Option<f64>,
    /// An event's category.
    #[serde(default)]
    pub category: Option<String>,
    /// Whose an event is.
    #[serde(default)]
    pub orgid: Option<String>,
}

/// Sessions, as far as they were wanted.
#[derive(Debug, Default)]
pub struct Sessions {
    /// The sessions.
    pub rows: Vec<CompositeRow>,
    /// Whether there are more of them, or more events in one of them.
    pub cut: bool,
}

/// What related reports need of an attribute or object.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct InstanceRow {
    /// Identity.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// Kind.
    pub itype: String,
    /// Type.
    pub sub_type: String,
    /// An attribute's value.
    #[serde(default)]
    pub data: Option<Value>,
    /// An object's children.
    #[serde(default, rename = "_cref")]
    pub cref: Vec<Hash>,
}

impl GraphReader {
    /// The sessions of these events, and of each not more than so many of its events.
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

    /// Those of these events that `visible` shows.
    pub async fn visible_events(
        &self,
        events: &[Hash],
        visible: &Visible,
    ) -> Result<Vec<CompositeRow>, StoreError> {
        self.in_parts(events, |part| visible_events(part, visible))
            .await
    }

    /// Attributes and objects by hash.
    pub async fn nodes(&self, hashes: &[Hash]) -> Result<Vec<InstanceRow>, StoreError> {
        self.in_parts(hashes, nodes).await
    }

    /// Whole documents by hash, without MongoDB's id; of events only those that `visible` shows.
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

pub(crate) fn hex(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_string).collect()
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

/// What is read of an event for a [`CompositeRow`].
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
    // an object's is said by its children
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
