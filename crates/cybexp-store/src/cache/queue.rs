//! The queue of the entries that no archive daemon has processed.

use bson::oid::ObjectId;
use bson::{Bson, RawBsonRef, RawDocumentBuf, doc};
use tahoe_core::Hash;

use crate::cache::entry::{ENTRY_FIELDS, Entry};
use crate::cache::files;
use crate::cache::open::Cache;
use crate::cache::records::{self, OpenedRecords};
use crate::error::StoreError;
use crate::mongo::bulk::{self, Failure, Update};
use crate::mongo::find::Find;
use crate::mongo::indexes::ENTRY_PROCESSED;
use crate::mongo::lease::{self, Lease, Taken};
use crate::mongo::row::{Row, is_of_the_document, remains, row};
use crate::mongo::watch::Watch;

/// The most entries of a batch.
const BATCH: i64 = 500;
/// The most bytes of an entry's fields that are read: the results of many records are among them.
const ENTRY_BYTES: usize = 12 << 20;
/// The most bytes of an entry's typetag, organisation and time zone.
const TAGS_BYTES: usize = 64 << 10;
/// The bytes of entries at which a batch takes no further one, without their files.
const BATCH_BYTES: usize = 16 << 20;
/// The most entries of a batch whose entries an archive daemon died at once. If it dies again, each is taken alone.
const SUSPECTS: usize = 32;
/// The number of deaths at which an entry is set aside. At the last two it was alone.
const DEATHS: u32 = 4;

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
        self.suspect().await?;
        let others = self.lease.others().await?;
        let find = pending(&others.items);
        let mut rows = find.rows(&self.cache.entries).await?;
        let (mut documents, mut bytes) = (Vec::new(), 0);
        // an entry of many records may hold megabytes of results, when some are to be read again
        while bytes < BATCH_BYTES
            && let Some(document) = rows.next().await?
        {
            bytes += document.as_bytes().len();
            documents.push(document);
        }
        documents.truncate(safe(&documents));
        if documents.is_empty() {
            return self
                .lease
                .rest(&others, pending(&[]), &self.cache.entries)
                .await;
        }
        let rows: Vec<Row<Entry>> = documents.iter().map(row).collect();
        let ids = rows.iter().map(|row| row.id.clone());
        let ours = self.lease.take(ids.collect()).await?;
        let entries: Vec<(ObjectId, Result<Entry, String>)> = rows
            .into_iter()
            .filter_map(|row| Some((row.id.as_object_id()?, row.read)))
            .filter(|(id, _)| ours.contains(id))
            .map(|(id, read)| {
                let entry = read.map_err(|error| format!("not an entry: {error}"));
                (id, entry.and_then(survivable))
            })
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

    /// Marks the entry of a submission that has many records, once the raws are written.
    pub async fn mark_records(&self, opened: &OpenedRecords) -> Result<(), StoreError> {
        let doing = "marking an entry of many records";
        let update = [records::marked(opened)];
        let updated = bulk::update(&self.cache.entries, &update, doing).await?;
        updated.whole(doing).map(drop)
    }

    /// Extends the lease of these entries, in the middle of long work.
    pub async fn renew(
        &mut self,
        entries: impl Iterator<Item = ObjectId>,
    ) -> Result<(), StoreError> {
        let entries = entries.map(Bson::from).collect();
        self.lease.take(entries).await.map(drop)
    }

    /// Notes on each entry that an archive daemon died while it worked on it.
    async fn suspect(&self) -> Result<(), StoreError> {
        let died = self.lease.dead().await?;
        if !died.is_empty() {
            let filter = doc! {"_id": {"$in": died}, "processed": false};
            let noting = self
                .cache
                .entries
                .named("noting that an archive daemon died");
            let note = noting.update_many(filter, doc! {"$inc": {"killed": 1}});
            note.send().await?;
        }
        Ok(())
    }

    /// Releases all leased entries, so that another worker need not wait for the lease to end.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        self.lease.release().await
    }
}

/// Returns the number of entries that are taken together: those at which as many archive daemons died as at the first.
fn safe(documents: &[RawDocumentBuf]) -> usize {
    let deaths = |document: &RawDocumentBuf| match document.get("killed") {
        Ok(Some(RawBsonRef::Int32(killed))) => i64::from(killed),
        Ok(Some(RawBsonRef::Int64(killed))) => killed,
        _ => 0,
    };
    let first = documents.first().map_or(0, deaths);
    let most = match first {
        0 => documents.len(),
        1 => SUSPECTS,
        _ => 1,
    };
    let alike = documents.iter().take(most);
    alike.take_while(|one| deaths(one) == first).count()
}

/// Refuses an entry at which the archive daemon dies again and again, and one whose tags are no tags.
fn survivable(entry: Entry) -> Result<Entry, String> {
    let tags = [&entry.typetag, &entry.orgid, &entry.timezone];
    let bytes = tags.iter().map(|tag| tag.len()).sum::<usize>();
    if bytes > TAGS_BYTES {
        return Err(format!(
            "not an entry: its tags have {bytes} bytes, more than {TAGS_BYTES}"
        ));
    }
    match entry.killed >= DEATHS {
        true => Err(format!(
            "the archive daemon died {} times while it worked on this",
            entry.killed
        )),
        false => Ok(entry),
    }
}

pub(crate) fn marked(opened: &Opened) -> Update {
    let update = match &opened.raw {
        Ok(hash) => doc! {
            "$set": {"processed": true, "_ref": [hash.to_string()]},
            "$unset": {"bad_data": "", "error": "", "killed": ""},
        },
        Err(reason) => doc! {
            "$set": {"processed": true, "bad_data": true, "error": reason},
            "$unset": {"again": "", "bad": "", "killed": ""},
        },
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
