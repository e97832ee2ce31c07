//! A summary of every document of an archive, for tests and checks that compare two archives or search for duplicates.
//! It reads the whole collection into memory, so no daemon uses it.

use std::collections::{BTreeSet, HashMap};

use bson::doc;
use bson::oid::ObjectId;
use serde::Deserialize;

use crate::archive::ids::RawId;
use crate::archive::keys;
use crate::archive::open::Archive;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::collection::Documents;

/// The summary of one document. Archives made of the same submissions have equal ones.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CensusRow {
    /// The document's hash, which identifies it together with `orgid`.
    #[serde(rename = "_hash")]
    pub hash: String,
    /// The organisation of a raw or an event.
    #[serde(default)]
    pub orgid: Option<String>,
    /// The document's kind.
    pub itype: String,
    /// The hashes to which it refers, sorted: for a session also those of its events, for a raw those of its events, of
    /// their sessions, and all to which these refer.
    #[serde(default, rename = "_ref")]
    pub refs: Vec<String>,
    /// Whether it is an event that a second-stage filter derived.
    #[serde(default)]
    pub derived: bool,
    /// The filters that have processed a raw, sorted.
    #[serde(default)]
    pub filters: Vec<String>,
    /// The start of a session, in Unix seconds.
    #[serde(default)]
    pub start_time: Option<f64>,
    /// The end of a session, in Unix seconds.
    #[serde(default)]
    pub end_time: Option<f64>,
    /// The duration of a session, in seconds.
    #[serde(default)]
    pub duration: Option<f64>,
    #[serde(rename = "_id")]
    id: bson::Binary,
    #[serde(default, rename = "_keys")]
    keys: Vec<bson::Binary>,
    #[serde(default)]
    timestamp: f64,
}

impl Archive {
    /// Returns the summaries of all documents, sorted by `_hash` and orgid.
    pub async fn census(&self) -> Result<Vec<CensusRow>, StoreError> {
        let doing = "taking a census";
        let fields = doc! {
            "_id": 1, "_hash": 1, "orgid": 1, "itype": 1, "_ref": 1, "derived": 1, "filters": 1,
            "timestamp": 1, "start_time": 1, "end_time": 1, "duration": 1, "_keys": 1,
        };
        let find = self.coll.named(doing).find(doc! {});
        let find = find.with(|find| find.projection(fields));
        let mut rows: Vec<CensusRow> = find.rows().await?.read().await?;
        refer(&mut rows);
        for row in &mut rows {
            row.refs.sort_unstable();
            row.refs.dedup();
            row.filters.sort_unstable();
        }
        rows.sort_unstable_by(|a, b| (&a.hash, &a.orgid).cmp(&(&b.hash, &b.orgid)));
        Ok(rows)
    }

    /// Returns the ids of the workers that lease raws. A worker that died counts until its lease ends.
    pub async fn lessees(&self) -> Result<BTreeSet<String>, StoreError> {
        lessees(&self.coll).await
    }
}

impl Cache {
    /// Returns the ids of the workers that lease entries, as [`Archive::lessees`] does for raws.
    pub async fn lessees(&self) -> Result<BTreeSet<String>, StoreError> {
        lessees(&self.entries).await
    }
}

/// Adds to sessions and raws the references that only their events hold.
fn refer(rows: &mut [CensusRow]) {
    let mut events: HashMap<Vec<u8>, Vec<String>> = HashMap::new();
    let mut of_raws: HashMap<Vec<u8>, Vec<String>> = HashMap::new();
    let mut sessions: HashMap<Vec<u8>, Vec<String>> = HashMap::new();
    for row in rows.iter().filter(|row| row.itype == "session") {
        let refs = row.refs.iter().chain([&row.hash]);
        sessions.insert(row.id.bytes.clone(), refs.cloned().collect());
    }
    for event in rows.iter().filter(|row| row.itype == "event") {
        let keys = event.keys.iter().map(|key| &key.bytes);
        let of_sessions = keys.clone().filter(|key| sessions.contains_key(*key));
        let mut made: Vec<String> = event.refs.clone();
        made.push(event.hash.clone());
        for session in of_sessions {
            made.extend(sessions[session].iter().cloned());
            events
                .entry(session.clone())
                .or_default()
                .push(event.hash.clone());
        }
        for raw in keys.filter(|key| keys::is_of_raw(key)) {
            of_raws
                .entry(keys::raw_of(raw).to_vec())
                .or_default()
                .extend(made.iter().cloned());
        }
    }
    for row in rows {
        let more = match row.itype.as_str() {
            "session" => events.get(&row.id.bytes),
            "raw" => RawId::read(&row.id.bytes)
                .and_then(|id| of_raws.get(&keys::raw_element(&id, row.timestamp)[..])),
            _ => None,
        };
        row.refs.extend(more.into_iter().flatten().cloned());
        (row.keys, row.id.bytes, row.timestamp) = Default::default();
    }
}

#[derive(Deserialize)]
struct Lessee {
    _id: ObjectId,
}

/// Returns the ids of the workers of the queue in this collection.
async fn lessees(coll: &Documents) -> Result<BTreeSet<String>, StoreError> {
    let doing = "listing the leases of a queue";
    let leases = coll.beside("leases");
    let live = doc! {"$expr": {"$gt": ["$until", "$$NOW"]}};
    let find = leases.named(doing).find(live);
    let find = find.with(|find| find.projection(doc! {"_id": 1}));
    let rows: Vec<Lessee> = find.rows().await?.read().await?;
    Ok(rows.into_iter().map(|row| row._id.to_hex()).collect())
}
