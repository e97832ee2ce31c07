//! How several processes share one queue without doing the same work at once.
//!
//! Each worker keeps one document that names the items it is working on and until when. Others leave those
//! out. A worker that dies keeps its items until its lease ends; work that is done twice does no harm, so a
//! lease only saves work and need not be exact.

use std::collections::HashSet;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use mongodb::options::ReturnDocument;
use serde::Deserialize;

use crate::error::{Doing, StoreError};
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::{self, LEASE_WORK};
use crate::mongo::server::Server;

/// Longer than any batch takes; a worker that is slower only shares its work.
const LEASE: Duration = Duration::from_secs(30);

/// What there was to take from a queue.
#[derive(Debug)]
pub enum Taken<T> {
    /// This, leased until it is done or half a minute is over.
    Work(Vec<T>),
    /// Nothing that is not leased by another worker; its lease ends after this time.
    Leased(Duration),
    /// Nothing at all.
    Nothing,
}

/// One worker's place among those that share a queue.
#[derive(Debug)]
pub(crate) struct Lease {
    coll: Documents,
    work: String,
    token: ObjectId,
    held: bool,
}

/// What the others are working on.
#[derive(Debug, Default)]
pub(crate) struct Others {
    pub items: Vec<Bson>,
    /// When the first of their leases ends.
    pub ends: Duration,
}

#[derive(Deserialize)]
struct LeaseRow {
    _id: ObjectId,
    items: Vec<Bson>,
    until: bson::DateTime,
}

impl Lease {
    /// A place among the workers of `work`, in a collection beside the queue's.
    pub(crate) async fn open(server: &Server, db: &str, work: &str) -> Result<Self, StoreError> {
        let coll = server.collection(db, "leases");
        indexes::ensure(&coll, &indexes::leases()).await?;
        Ok(Self {
            coll,
            work: work.to_owned(),
            token: ObjectId::new(),
            held: false,
        })
    }

    async fn rows(&self) -> Result<Vec<LeaseRow>, StoreError> {
        rows(&self.work, self.token).read(&self.coll).await
    }

    /// What other workers have leased.
    pub(crate) async fn others(&self) -> Result<Others, StoreError> {
        let rows = self.rows().await?;
        let now = bson::DateTime::now();
        let ends = rows
            .iter()
            .map(|row| row.until.saturating_duration_since(now))
            .min();
        Ok(Others {
            items: rows.into_iter().flat_map(|row| row.items).collect(),
            ends: ends
                .unwrap_or_default()
                .clamp(Duration::from_millis(50), LEASE),
        })
    }

    /// Leases these items, and gives back those that no other worker leased first.
    pub(crate) async fn take(&mut self, items: Vec<Bson>) -> Result<HashSet<ObjectId>, StoreError> {
        let ours: HashSet<ObjectId> = items.iter().filter_map(Bson::as_object_id).collect();
        let until = doc! {"$add": ["$$NOW", LEASE.as_millis() as i64]};
        let lease = vec![doc! {"$set": {
            "work": {"$literal": &self.work}, "items": {"$literal": items}, "until": until,
        }}];
        self.held = true;
        let doing = "leasing work";
        let ours_now = self
            .coll
            .named(doing)
            .find_one_and_update(doc! {"_id": self.token}, lease)
            .with(|update| update.upsert(true).return_document(ReturnDocument::After));
        let since = match ours_now.send().await? {
            Some(row) => {
                let row: LeaseRow = bson::deserialize_from_slice(row.as_bytes()).doing(doing)?;
                Some((row.until, row._id))
            }
            None => None,
        };
        let rows = self.rows().await?;
        let theirs: HashSet<ObjectId> = rows
            .into_iter()
            .filter(|row| since.is_none_or(|since| (row.until, row._id) < since))
            .flat_map(|row| row.items)
            .filter_map(|item| item.as_object_id())
            .collect();
        Ok(ours.difference(&theirs).copied().collect())
    }

    /// What it means that a queue had nothing for this worker: the others may have leased what `theirs` finds.
    pub(crate) async fn rest<T>(
        &mut self,
        others: &Others,
        theirs: Find,
        queue: &Documents,
    ) -> Result<Taken<T>, StoreError> {
        self.release().await?;
        if others.items.is_empty() || theirs.limit(1).all(queue).await?.is_empty() {
            return Ok(Taken::Nothing);
        }
        Ok(Taken::Leased(others.ends))
    }

    /// Gives up what is leased.
    pub(crate) async fn release(&mut self) -> Result<(), StoreError> {
        if self.held {
            let releasing = self.coll.named("releasing a lease");
            releasing
                .delete_one(doc! {"_id": self.token})
                .send()
                .await?;
            self.held = false;
        }
        Ok(())
    }
}

/// The leases of other workers that have not ended.
pub(crate) fn rows(work: &str, but: ObjectId) -> Find {
    let filter = doc! {
        "work": work,
        "_id": {"$ne": but},
        // the server's clock, for those of the workers may differ
        "$expr": {"$gt": ["$until", "$$NOW"]},
    };
    Find::new("reading the leases of a queue", LEASE_WORK, filter)
}

/// The condition on `_id` that leaves these items out. Documents with an id of another kind are not of this
/// suite, and nobody could lease them.
pub(crate) fn unleased(items: &[Bson]) -> Document {
    let mut id = doc! {"$type": "objectId"};
    if !items.is_empty() {
        id.insert("$nin", items);
    }
    id
}
