//! Leases, by which several processes share one queue without doing the same work at once.
//!
//! Each worker keeps one document with the items that it works on and the end of its lease. The other workers skip
//! these items. A worker that dies keeps its items until the lease ends. Work that is done twice does no harm, so a
//! lease only saves work and need not be exact.

use std::collections::HashSet;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use mongodb::options::{ReturnDocument, WriteConcern};
use serde::Deserialize;

use crate::error::{Doing, StoreError};
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::{self, LEASE_WORK};
use crate::mongo::server::Server;

/// Length of a lease, longer than any batch takes. A slower worker only shares its work.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// Longest wait for what others have leased. They may give back what they do not work on, and nobody is told of that.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The largest lease, in bytes: it names a batch of items. A larger one, and what is no lease, holds nothing.
const LEASE_BYTES: usize = 256 << 10;
/// The most workers of a queue whose leases are looked at. What others work on is done twice.
const WORKERS: i64 = 32;

/// A lease that a failover loses only has work done twice, so nobody waits until a majority has it.
fn at_once() -> WriteConcern {
    WriteConcern::nodes(1)
}

/// The result of taking work from a queue.
#[derive(Debug)]
pub enum Taken<T> {
    /// Items leased for half a minute, or until they are done.
    Work(Vec<T>),
    /// Other workers have leased all items; look again after this time.
    Leased(Duration),
    /// The queue is empty.
    Nothing,
}

/// The lease of one worker of a queue.
#[derive(Debug)]
pub(crate) struct Lease {
    coll: Documents,
    work: String,
    token: ObjectId,
    held: bool,
}

/// The items leased by other workers.
#[derive(Debug, Default)]
pub(crate) struct Others {
    pub items: Vec<Bson>,
    /// The time after which to look again: at the end of the first of their leases, or before.
    pub ends: Duration,
}

#[derive(Deserialize)]
struct LeaseRow {
    _id: ObjectId,
    items: Vec<Bson>,
    until: bson::DateTime,
}

impl Lease {
    /// Makes a lease for a worker of `work`, in a collection beside the queue's.
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

    /// Returns the items that other workers have leased.
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
                .clamp(Duration::from_millis(50), LONGEST_WAIT),
        })
    }

    /// Leases these items, and returns those that no other worker leased first.
    pub(crate) async fn take(&mut self, items: Vec<Bson>) -> Result<HashSet<ObjectId>, StoreError> {
        let ours = self.take_items(items).await?;
        let ids = ours
            .into_iter()
            .filter_map(|bytes| Some(ObjectId::from_bytes(bytes.try_into().ok()?)));
        Ok(ids.collect())
    }

    /// Leases items as [`Lease::take`] does, whose ids may be binary. Returns the bytes of the ids.
    pub(crate) async fn take_items(
        &mut self,
        items: Vec<Bson>,
    ) -> Result<HashSet<Vec<u8>>, StoreError> {
        let ours: HashSet<Vec<u8>> = items.iter().filter_map(id_bytes).collect();
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
            .with(|update| {
                let update = update.upsert(true).write_concern(at_once());
                update.return_document(ReturnDocument::After)
            });
        let since = match ours_now.send().await? {
            Some(row) => {
                let row: LeaseRow = bson::deserialize_from_slice(row.as_bytes()).doing(doing)?;
                Some((row.until, row._id))
            }
            None => None,
        };
        let rows = self.rows().await?;
        let theirs: HashSet<Vec<u8>> = rows
            .into_iter()
            .filter(|row| since.is_none_or(|since| (row.until, row._id) < since))
            .flat_map(|row| row.items)
            .filter_map(|item| id_bytes(&item))
            .collect();
        Ok(ours.difference(&theirs).cloned().collect())
    }

    /// Removes the leases of workers that died, and returns the items that these held. Only one worker gets them.
    pub(crate) async fn dead(&self) -> Result<Vec<Bson>, StoreError> {
        let mut items = Vec::new();
        let rows: Vec<LeaseRow> = ended(&self.work, self.token).read(&self.coll).await?;
        for row in rows {
            let removing = self.coll.named("removing the lease of a dead worker");
            let it = doc! {"_id": row._id, "until": row.until};
            if removing.delete_one(it).send().await?.deleted_count > 0 {
                items.extend(row.items);
            }
        }
        Ok(items)
    }

    /// Tells why a worker found nothing to take: other workers may have leased the items that `theirs` finds.
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

    /// Releases all leased items.
    pub(crate) async fn release(&mut self) -> Result<(), StoreError> {
        if self.held {
            let releasing = self.coll.named("releasing a lease");
            releasing
                .delete_one(doc! {"_id": self.token})
                .with(|delete| delete.write_concern(at_once()))
                .send()
                .await?;
            self.held = false;
        }
        Ok(())
    }
}

fn id_bytes(id: &Bson) -> Option<Vec<u8>> {
    match id {
        Bson::ObjectId(id) => Some(id.bytes().to_vec()),
        Bson::Binary(id) => Some(id.bytes.clone()),
        _ => None,
    }
}

/// Finds the leases of other workers that have not ended.
pub(crate) fn rows(work: &str, but: ObjectId) -> Find {
    let filter = doc! {
        "work": work,
        "_id": {"$ne": but},
        // the server's clock, because those of the workers may differ
        "$expr": {"$gt": ["$until", "$$NOW"]},
    };
    Find::new("reading the leases of a queue", LEASE_WORK, filter)
        .within(&["items", "until"], LEASE_BYTES)
        .limit(WORKERS)
}

/// Finds the leases of other workers that have ended.
pub(crate) fn ended(work: &str, but: ObjectId) -> Find {
    let mut find = rows(work, but);
    find.doing = "looking for dead workers";
    find.filter
        .insert("$expr", doc! {"$lte": ["$until", "$$NOW"]});
    find
}

/// Makes the condition on `_id` that excludes these items. Documents whose id has another type are excluded, too: they
/// are not of this suite, and nobody could lease them.
pub(crate) fn unleased(items: &[Bson]) -> Document {
    let mut id = doc! {"$type": "objectId"};
    if !items.is_empty() {
        id.insert("$nin", items);
    }
    id
}
