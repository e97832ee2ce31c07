//! Rows of what may have to go, in a small collection beside the archive.
//!
//! | row | `_id` | written | looked at |
//! |---|---|---|---|
//! | raw | that of the raw | before the raw is deleted | at once, and again when no worker can have it in hand |
//! | candidate | that of an attribute, object or session, then 16 bytes of the organisation | before an event that names it is deleted | once that event is gone |
//! | going | that of an attribute, object or session | when nothing names it | ten minutes later |
//! | value | `v`, the hash of an attribute, then 16 bytes of the organisation | when no event of the organisation names it | ten minutes later |
//!
//! A row is removed once it is dealt with, so a process that dies leaves rows, and the next one goes on with them. A
//! writer meets going nodes by their rows, which spares it reading the documents of all nodes that it looks up.

use std::collections::BTreeSet;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::archive::ids::{OrgTag, RawId, binary};
use crate::error::StoreError;
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::Documents;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::{GOING_AT, ID};

const NOTING: &str = "noting what may have to go";
const LOOKING: &str = "looking for what may have to go";
const KEEPING: &str = "keeping what is named again";
const DONE: &str = "forgetting what was looked at";

/// Bytes of the organisation in the `_id` of a candidate or value.
pub(crate) const ORG_BYTES: usize = 16;
/// First byte of the `_id` of a value.
const VALUE: u8 = b'v';

/// The kind of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowKind {
    /// A raw that is deleted.
    Raw,
    /// A node that an event named which is deleted.
    Candidate,
    /// A node that nothing names.
    Going,
    /// A value whose row is hidden, since no event of its organisation names it.
    Value,
}

impl RowKind {
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Raw => 1,
            Self::Candidate => 2,
            Self::Going => 3,
            Self::Value => 4,
        }
    }
}

/// One row.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GoingRow {
    #[serde(rename = "_id")]
    pub id: bson::Binary,
    /// The time at which it was written last, by the server's clock.
    pub at: bson::DateTime,
    /// The organisation of a candidate or value.
    #[serde(default)]
    pub orgid: String,
    /// The `_id` of a value's row.
    #[serde(default)]
    pub row: String,
    /// Names of the filters that read a raw.
    #[serde(default)]
    pub filters: Vec<String>,
    /// The time at which a raw was accepted, in Unix seconds.
    #[serde(default)]
    pub accepted: f64,
    /// The value of `_going` in the node.
    #[serde(default)]
    pub token: Option<ObjectId>,
}

/// A raw that goes, with the names of the filters that read it.
#[derive(Debug, Clone)]
pub(crate) struct GoingRaw {
    pub id: RawId,
    pub accepted: f64,
    pub filters: Vec<String>,
}

impl GoingRow {
    /// Returns the raw of a raw's row.
    pub(crate) fn raw(&self) -> Option<GoingRaw> {
        Some(GoingRaw {
            id: RawId::read(&self.id.bytes)?,
            accepted: self.accepted,
            filters: self.filters.clone(),
        })
    }

    /// Returns the `_id` of a candidate's node.
    pub(crate) fn node(&self) -> Bson {
        let bytes = &self.id.bytes;
        binary(bytes[..bytes.len().saturating_sub(ORG_BYTES)].to_vec())
    }

    /// Returns the hash of a value.
    pub(crate) fn value(&self) -> Option<Hash> {
        let hash = self.id.bytes.strip_prefix(&[VALUE])?.first_chunk()?;
        Some(Hash::from_bytes(*hash))
    }

    /// Returns the `_id` of a raw, or of a node that goes.
    pub(crate) fn own(&self) -> Bson {
        binary(self.id.bytes.clone())
    }
}

/// Nodes by `_id`, each with the organisation whose event named it.
pub(crate) type Candidates = BTreeSet<(Vec<u8>, String)>;

/// Notes nodes that may be named by nothing once events are deleted.
pub(crate) async fn note_candidates(
    going: &Documents,
    candidates: &Candidates,
) -> Result<(), StoreError> {
    let updates: Vec<Update> = candidates
        .iter()
        .map(|(node, orgid)| {
            let org = OrgTag::of(orgid);
            row(
                binary(candidate_id(node, org.bytes())),
                RowKind::Candidate,
                doc! {"orgid": {"$literal": orgid}},
            )
        })
        .collect();
    note(going, &updates).await
}

/// Returns the `_id` of the candidate of a node and an organisation, given by the bytes of its tag.
pub(crate) fn candidate_id(node: &[u8], org: &[u8]) -> Vec<u8> {
    [node, &org[..ORG_BYTES]].concat()
}

/// Notes raws that are about to be deleted.
pub(crate) async fn note_raws(going: &Documents, raws: &[GoingRaw]) -> Result<(), StoreError> {
    let updates = raws.iter().map(|raw| {
        let set = doc! {"accepted": raw.accepted, "filters": {"$literal": &raw.filters}};
        row(raw.id.bson(), RowKind::Raw, set)
    });
    note(going, &updates.collect::<Vec<_>>()).await
}

/// A value of an organisation, and the `_id` of its row.
#[derive(Debug, Clone)]
pub(crate) struct HiddenValue {
    pub orgid: String,
    pub hash: Hash,
    pub row: String,
}

/// Returns the `_id` of the row of a value and an organisation, given by the bytes of its tag.
pub(crate) fn value_id(hash: Hash, org: &[u8]) -> Vec<u8> {
    [&[VALUE], &hash.as_bytes()[..], &org[..ORG_BYTES]].concat()
}

/// Notes values whose rows are about to be hidden.
pub(crate) async fn note_values(
    going: &Documents,
    values: &[HiddenValue],
) -> Result<(), StoreError> {
    let updates = values.iter().map(|value| {
        let org = OrgTag::of(&value.orgid);
        let id = value_id(value.hash, org.bytes());
        let set = doc! {"orgid": {"$literal": &value.orgid}, "row": {"$literal": &value.row}};
        row(binary(id), RowKind::Value, set)
    });
    note(going, &updates.collect::<Vec<_>>()).await
}

/// Notes nodes that nothing names, with the value of their `_going`.
pub(crate) async fn note_going(
    going: &Documents,
    nodes: &[Bson],
    token: ObjectId,
) -> Result<(), StoreError> {
    let updates = nodes
        .iter()
        .map(|id| row(id.clone(), RowKind::Going, doc! {"token": token}));
    note(going, &updates.collect::<Vec<_>>()).await
}

async fn note(going: &Documents, updates: &[Update]) -> Result<(), StoreError> {
    bulk::update(going, updates, NOTING).await?.whole(NOTING)?;
    Ok(())
}

fn row(id: Bson, kind: RowKind, mut set: Document) -> Update {
    set.insert("kind", kind.code());
    set.insert("at", "$$NOW");
    Update {
        filter: doc! {"_id": id},
        update: vec![doc! {"$set": set}].into(),
        upsert: true,
    }
}

/// Forgets rows that were dealt with, unless they were written again in the meantime.
pub(crate) async fn done(going: &Documents, rows: &[GoingRow]) -> Result<(), StoreError> {
    let filters: Vec<Document> = rows
        .iter()
        .map(|row| doc! {"_id": row.own(), "at": row.at})
        .collect();
    bulk::delete(going, &filters, DONE).await.map(drop)
}

/// Finds the rows of a kind that were written at least this long ago, oldest first.
pub(crate) fn due(kind: RowKind, age: Duration, limit: i64) -> Find {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let old = doc! {"$lte": ["$at", {"$subtract": ["$$NOW", age]}]};
    Find::new(LOOKING, GOING_AT, doc! {"kind": kind.code(), "$expr": old})
        .sort(doc! {"at": 1})
        .limit(limit)
}

/// Finds which of these nodes are going, at most [`ASK`] of them.
pub(crate) fn going_among(nodes: &[Bson]) -> Find {
    debug_assert!(nodes.len() <= ASK);
    Find::new(
        "looking for nodes that are going",
        ID,
        doc! {"_id": {"$in": nodes}},
    )
    .project(doc! {"_id": 1})
}

/// Takes `_going` from those of these nodes that are going, so that they stay. A node that is gone by then is for the
/// caller to insert anew.
pub(crate) async fn rescue(
    archive: &Documents,
    going: &Documents,
    nodes: &[Bson],
) -> Result<(), StoreError> {
    for part in nodes.chunks(ASK) {
        let found = going_among(part).all(going).await?;
        let found = found.iter().filter_map(|row| row.get_binary("_id").ok());
        let found: Vec<Bson> = found.map(|id| binary(id.bytes.to_vec())).collect();
        if !found.is_empty() {
            let these = doc! {"_id": {"$in": found}};
            let update = doc! {"$unset": {"_going": ""}};
            bulk::update_all(archive, &[(these, update)], KEEPING).await?;
        }
    }
    Ok(())
}
