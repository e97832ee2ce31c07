//! The queue of the entries that no archive daemon has processed.

use bson::oid::ObjectId;
use bson::{Bson, doc};
use tahoe_core::Hash;

use crate::cache::entry::{ENTRY_FIELDS, Entry};
use crate::cache::files;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::bulk::{self, Failure, Update};
use crate::mongo::find::Find;
use crate::mongo::indexes::ENTRY_PROCESSED;
use crate::mongo::lease::{self, Lease, Taken};
use crate::mongo::row::{Row, is_of_the_document, remains};
use crate::mongo::watch::Watch;

/// The most entries of a batch.
const BATCH: i64 = 500;
/// The most bytes of an entry's fields that are read.
const ENTRY_BYTES: usize = 64 << 10;

/// An entry for the archive daemon to open, or the reason why it cannot be read.
#[derive(Debug)]
pub struct SealedEntry {
    /// MongoDB's id of the entry.
    pub id: ObjectId,
    /// The entry and its sealed bytes.
    pub read: Result<(Entry, Vec<u8>), String>,
}

/// The result for an entry: the raw made of it, or the reason why there is none.
#[derive(Debug)]
pub struct Opened {
    /// MongoDB's id of the entry.
    pub id: ObjectId,
    /// The raw's hash, or the reason.
    pub raw: Result<Hash, String>,
}

impl Cache {
    /// Returns the queue of the entries that no archive daemon has processed.
    pub async fn pending(&self) -> Result<EntryQueue, StoreError> {
        Ok(EntryQueue {
            cache: self.clone(),
            lease: Lease::open(&self.server, &self.db, "archive").await?,
        })
    }

    /// Returns a watch that wakes when an entry is stored.
    pub fn watch(&self) -> Watch {
        Watch::new(
            self.entries.clone(),
            doc! {"operationType": {"$in": ["insert", "update"]},
            "$or": [{"operationType": "insert"}, {"updateDescription.updatedFields.processed": false}]},
        )
    }
}

/// The entries for the archive daemon to open, shared with other archive daemons.
#[derive(Debug)]
pub struct EntryQueue {
    cache: Cache,
    lease: Lease,
}

impl EntryQueue {
    /// Takes a batch, oldest first.
    pub async fn take(&mut self) -> Result<Taken<SealedEntry>, StoreError> {
        let others = self.lease.others().await?;
        let find = pending(&others.items);
        let rows: Vec<Row<Entry>> = find.each(&self.cache.entries).await?;
        if rows.is_empty() {
            return self
                .lease
                .rest(&others, pending(&[]), &self.cache.entries)
                .await;
        }
        let ids = rows.iter().map(|row| row.id.clone());
        let ours = self.lease.take(ids.collect()).await?;
        let entries: Vec<(ObjectId, Result<Entry, String>)> = rows
            .into_iter()
            .filter_map(|row| Some((row.id.as_object_id()?, row.read)))
            .filter(|(id, _)| ours.contains(id))
            .map(|(id, read)| (id, read.map_err(|error| format!("not an entry: {error}"))))
            .collect();
        let fids = entries
            .iter()
            .filter_map(|(_, entry)| Some(entry.as_ref().ok()?.fid));
        let mut files = files::read(&self.cache, &fids.collect::<Vec<_>>()).await?;
        let mut taken = Vec::with_capacity(entries.len());
        for (id, entry) in entries {
            let read = match entry {
                Err(reason) => Err(reason),
                Ok(entry) => match files.remove(&entry.fid) {
                    // beyond the bytes of a batch, or its file was read with an entry before it: left for the next
                    // batch
                    None => continue,
                    Some(file) => file.map(|file| (entry, file)),
                },
            };
            taken.push(SealedEntry { id, read });
        }
        Ok(Taken::Work(taken))
    }

    /// Marks entries as processed, once their raws are written. The sealed bytes stay in the cache. An entry to which
    /// nothing can be added keeps only its file and the reason.
    pub async fn mark(&self, opened: &[Opened]) -> Result<(), StoreError> {
        let doing = "marking entries";
        let updates: Vec<Update> = opened.iter().map(marked).collect();
        let mut updated = bulk::update(&self.cache.entries, &updates, doing).await?;
        let (unfit, failed) = std::mem::take(&mut updated.failures)
            .into_iter()
            .partition(|failure| is_of_the_document(failure.code));
        updated.failures = failed;
        updated.whole(doing)?;
        let unfit: Vec<Update> = Vec::<Failure>::into_iter(unfit)
            .map(|failure| set_aside(&opened[failure.index], &failure.message))
            .collect();
        let updated = bulk::update(&self.cache.entries, &unfit, doing).await?;
        updated.whole(doing).map(drop)
    }

    /// Releases all leased entries, so that another worker need not wait for the lease to end.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        self.lease.release().await
    }
}

pub(crate) fn marked(opened: &Opened) -> Update {
    let update = match &opened.raw {
        Ok(hash) => doc! {
            "$set": {"processed": true, "_ref": [hash.to_string()]},
            "$unset": {"bad_data": "", "error": ""},
        },
        Err(reason) => doc! {"$set": {"processed": true, "bad_data": true, "error": reason}},
    };
    Update {
        filter: doc! {"_id": opened.id},
        update: update.into(),
        upsert: false,
    }
}

/// Leaves of an entry its file and the reason why it cannot be marked.
fn set_aside(opened: &Opened, refused: &str) -> Update {
    let reason = match &opened.raw {
        Ok(_) => refused,
        Err(reason) => reason,
    };
    let is_id = doc! {"$eq": [{"$type": "$fid"}, "objectId"]};
    let fields = doc! {
        "fid": {"$cond": [is_id, "$fid", "$$REMOVE"]},
        "processed": true, "bad_data": true, "error": {"$literal": reason},
    };
    Update {
        filter: doc! {"_id": opened.id},
        update: remains(fields),
        upsert: false,
    }
}

pub(crate) fn pending(leased: &[Bson]) -> Find {
    let filter = doc! {"processed": false, "_id": lease::unleased(leased)};
    Find::new("reading pending entries", ENTRY_PROCESSED, filter)
        .within(&ENTRY_FIELDS, ENTRY_BYTES)
        .sort(doc! {"processed": 1, "_id": 1})
        .limit(BATCH)
}
