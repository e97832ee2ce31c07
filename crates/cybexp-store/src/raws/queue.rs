//! The queue of raws, and the results of filters.

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocumentBuf, doc};
use serde::Deserialize;
use tahoe_core::{Hash, Raw, Value};

use crate::archive::missing::{self, Written};
use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::{Documents, from_document};
use crate::mongo::find::Find;
use crate::mongo::indexes::RAW_PENDING;
use crate::mongo::json;
use crate::mongo::lease::{Lease, Taken, unleased};
use crate::mongo::watch::Watch;

/// The most raws of a batch. The number of bytes below ends a batch earlier, to bound its memory.
const BATCH: i64 = 1000;
const BATCH_BYTES: usize = 32 << 20;

/// A raw that a filter has not processed.
#[derive(Debug, Deserialize)]
pub struct PendingRaw {
    /// MongoDB's id of the raw.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The submitted data.
    #[serde(deserialize_with = "json::read")]
    pub data: Value,
    /// The organisation that submitted it.
    pub orgid: String,
    /// IANA name of the time zone; raws of the Python archive may have none.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The time at which it was accepted, in Unix seconds; raws of the Python archive have none.
    #[serde(default)]
    timestamp: Option<f64>,
    #[serde(default)]
    filters: Vec<String>,
    #[serde(default, rename = "_ref")]
    refs: Vec<String>,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl PendingRaw {
    /// Returns the time at which the raw was accepted, in Unix seconds. Without a timestamp, it is the second in the
    /// raw's id.
    pub fn timestamp(&self) -> f64 {
        self.timestamp
            .unwrap_or_else(|| self.id.timestamp().timestamp_millis() as f64 / 1000.0)
    }
}

/// The result of a filter for a raw.
#[derive(Debug)]
pub struct RawOutcome {
    /// MongoDB's id of the raw.
    pub id: ObjectId,
    /// Hashes of all instances made of the raw, or the reason why the filter refused it.
    pub made: Result<Vec<Hash>, String>,
    /// The raw's fields `filters` and `_ref` before.
    before: (Vec<String>, Vec<String>),
}

impl RawOutcome {
    /// Makes the result for a raw.
    pub fn new(raw: &PendingRaw, made: Result<Vec<Hash>, String>) -> Self {
        Self {
            id: raw.id,
            made,
            before: (raw.filters.clone(), raw.refs.clone()),
        }
    }
}

/// The raws of one filter, shared with other workers of the same filter.
#[derive(Debug)]
pub struct RawQueue {
    coll: Documents,
    lease: Lease,
    filter: String,
    typetags: Vec<String>,
}

/// The raws of an archive; cheap to clone.
#[derive(Debug, Clone)]
pub struct Raws {
    pub(crate) archive: Archive,
}

impl Raws {
    /// Makes a handle to the raws of this archive.
    pub fn new(archive: &Archive) -> Self {
        Self {
            archive: archive.clone(),
        }
    }

    /// Inserts the raws that are not stored.
    pub async fn write(&self, raws: &[Raw]) -> Result<Written, StoreError> {
        let raws = raws
            .iter()
            .map(|raw| (raw.hash(), Some(raw.orgid().as_str()), raw));
        missing::insert(&self.archive.coll, raws, "writing raws").await
    }

    /// Returns the queue of the raws with these typetags that the filter of this id (`name@version`) has not processed.
    pub async fn queue(&self, filter: &str, typetags: &[&str]) -> Result<RawQueue, StoreError> {
        Ok(RawQueue {
            coll: self.archive.coll.clone(),
            lease: Lease::open(&self.archive.server, &self.archive.db, filter).await?,
            filter: filter.to_owned(),
            typetags: typetags.iter().map(|&tag| tag.to_owned()).collect(),
        })
    }

    /// Returns a watch that wakes when a raw is stored, or is to be processed again.
    pub fn watch(&self) -> Watch {
        let of = doc! {"$or": [
            {"operationType": "insert", "fullDocument.itype": "raw"},
            {"operationType": "update", "updateDescription.removedFields": "filters"},
        ]};
        Watch::new(self.archive.coll.clone(), of)
    }
}

impl RawQueue {
    /// Takes a batch. A document that is no raw is returned as its id and the reason.
    #[allow(clippy::type_complexity)]
    pub async fn take(&mut self) -> Result<Taken<Result<PendingRaw, RawOutcome>>, StoreError> {
        let others = self.lease.others().await?;
        let find = pending(&self.typetags, &self.filter, unleased(&others.items));
        let mut rows = find.rows(&self.coll).await?;
        let mut documents = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES
            && let Some(document) = rows.next().await?
        {
            bytes += document.as_bytes().len();
            documents.push(document);
        }
        if documents.is_empty() {
            let theirs = pending(&self.typetags, &self.filter, doc! {"$in": &others.items});
            return self.lease.rest(&others, theirs, &self.coll).await;
        }
        let ids = documents
            .iter()
            .filter_map(|document| document.get_object_id("_id").ok());
        let ours = self.lease.take(ids.map(Bson::from).collect()).await?;
        let taken = documents.iter().filter(|document| {
            let id = document.get_object_id("_id");
            id.is_ok_and(|id| ours.contains(&id))
        });
        Ok(Taken::Work(taken.map(read).collect()))
    }

    /// Marks raws as processed, once all instances made of them are written. `at` is the time in Unix seconds.
    pub async fn mark(&self, outcomes: &[RawOutcome], at: f64) -> Result<(), StoreError> {
        let doing = "marking raws";
        let updates: Vec<Update> = outcomes.iter().map(|o| self.marked(o, at, true)).collect();
        let coll = &self.coll;
        let failures = bulk::update(coll, &updates, doing).await?.failures;
        // a raw at the size limit has no room for all hashes: it is marked as processed without them
        let smaller: Vec<Update> = failures
            .iter()
            .map(|failure| self.marked(&outcomes[failure.index], at, false))
            .collect();
        if !smaller.is_empty() {
            bulk::update(coll, &smaller, doing).await?.whole(doing)?;
        }
        Ok(())
    }

    pub(crate) fn marked(&self, outcome: &RawOutcome, at: f64, with_refs: bool) -> Update {
        let (filters, refs) = &outcome.before;
        // the last filter stands first, where the index of pending raws has it
        let others = filters.iter().filter(|id| **id != self.filter);
        let filters: Vec<&String> = [&self.filter].into_iter().chain(others).collect();
        let mut set = doc! {"filters": filters};
        let mut unset = doc! {"_valid": "", "_error": ""};
        match &outcome.made {
            Ok(made) if with_refs => {
                let made = made.iter().map(Hash::to_string);
                let refs: std::collections::BTreeSet<String> =
                    refs.iter().cloned().chain(made).collect();
                set.insert("_ref", refs.into_iter().collect::<Vec<_>>());
            }
            Ok(made) => {
                set.insert("_ref_omitted", made.len() as i64);
            }
            Err(reason) => {
                unset = Document::new();
                set.insert("_valid", false);
                set.insert(
                    "_error",
                    doc! {"filter": &self.filter, "reason": reason, "at": at},
                );
            }
        }
        let mut update = doc! {"$set": set};
        if !unset.is_empty() {
            update.insert("$unset", unset);
        }
        Update {
            filter: doc! {"_id": outcome.id},
            update: update.into(),
            upsert: false,
        }
    }

    /// Releases all leased raws, so that another worker need not wait for the lease to end.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        self.lease.release().await
    }
}

fn read(document: &RawDocumentBuf) -> Result<PendingRaw, RawOutcome> {
    from_document(document).map_err(|error| RawOutcome {
        id: document.get_object_id("_id").unwrap_or_default(),
        made: Err(format!("not a raw: {error}")),
        before: Default::default(),
    })
}

/// Finds the raws that the filter has not processed, in the order of their arrival. Refused raws count as processed.
///
/// The index holds `filters.0`. The condition on `filters` excludes raws that another version processed later, which
/// happens while two versions run at once.
pub(crate) fn pending(typetags: &[String], filter: &str, id: Document) -> Find {
    let of = doc! {
        "itype": "raw",
        "sub_type": {"$in": typetags},
        "filters.0": {"$ne": filter},
        "filters": {"$ne": filter},
        "_id": id,
    };
    Find::new("reading pending raws", RAW_PENDING, of).limit(BATCH)
}
