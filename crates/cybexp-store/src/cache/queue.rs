//! Sealed submissions: entries and their files in GridFS.

use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{Bson, RawBsonRef, RawDocument, doc};
use futures::{FutureExt, TryStreamExt};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::cache::grid;
use crate::cache::upload::NewEntry;
use crate::error::{Doing, StoreError};
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::{Raws, from_document};
use crate::mongo::find::Find;
use crate::mongo::indexes::{self, CHUNK_FILE, ENTRY_PROCESSED, ID};
use crate::mongo::lease::{self, Lease, Taken};
use crate::mongo::server::Server;
use crate::mongo::transaction;
use crate::mongo::watch::Watch;

/// The most entries of a batch.
const BATCH: i64 = 500;
/// A batch ends before the entry whose file would take it over this, unless that is its first.
const BATCH_BYTES: u64 = 64 << 20;
/// No submission that fits a document is longer when sealed; longer files are not read.
const FILE_LIMIT_BYTES: u64 = 128 << 20;
/// The most submissions of a transaction.
pub(crate) const GROUP: usize = 500;
/// A transaction takes no further submission at this many bytes; what is larger by itself is an upload.
pub(crate) const GROUP_BYTES: usize = 8 << 20;

/// The cache: `cache_db.file_entries` and the GridFS bucket `fs` beside it.
#[derive(Debug, Clone)]
pub struct Cache {
    server: Server,
    db: String,
    pub(crate) entries: Raws,
    pub(crate) files: Raws,
    pub(crate) chunks: Raws,
    /// What is being written to the bucket.
    pub(crate) uploads: Raws,
}

/// A submission to be stored: what the API makes of a request.
#[derive(Debug, Clone)]
pub struct Submission {
    /// What is known of it.
    pub entry: NewEntry,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
}

/// What MongoDB knows an entry by.
pub type EntryId = ObjectId;

/// What is known of a submission.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// What the data is.
    pub typetag: String,
    /// Whose it is.
    pub orgid: String,
    /// IANA name.
    pub timezone: String,
    /// Unix seconds when it was taken in.
    pub timestamp: f64,
    fid: ObjectId,
}

/// An entry that the archive has to open, or why it cannot even be read.
#[derive(Debug)]
pub struct SealedEntry {
    /// MongoDB's id.
    pub id: ObjectId,
    /// The entry and its sealed bytes.
    pub read: Result<(Entry, Vec<u8>), String>,
}

/// What became of an entry: the raw made of it, or why there is none.
#[derive(Debug)]
pub struct Opened {
    /// MongoDB's id.
    pub id: ObjectId,
    /// The raw's hash, or the reason.
    pub raw: Result<Hash, String>,
}

impl Cache {
    /// Opens the collections and makes their indexes.
    pub async fn open(server: &Server, db: &str, coll: &str) -> Result<Self, StoreError> {
        let cache = Self {
            server: server.clone(),
            db: db.to_owned(),
            entries: server.collection(db, coll),
            files: server.collection(db, "fs.files"),
            chunks: server.collection(db, "fs.chunks"),
            uploads: server.collection(db, "uploads"),
        };
        indexes::ensure(&cache.entries, &indexes::entries()).await?;
        indexes::ensure(&cache.files, &indexes::grid_files()).await?;
        indexes::ensure(&cache.chunks, &indexes::grid_chunks()).await?;
        indexes::ensure(&cache.uploads, &indexes::uploads()).await?;
        Ok(cache)
    }

    /// Stores submissions in order, each with its file: nobody ever sees the one without the other. When this fails,
    /// those at the beginning may have been stored.
    pub async fn submit(&self, submissions: &[Submission]) -> Result<(), StoreError> {
        let named = submissions.iter().map(|one| (EntryId::new(), one));
        self.submit_as(&named.collect::<Vec<_>>()).await
    }

    /// The same, with the ids that their entries get.
    pub(crate) async fn submit_as(
        &self,
        submissions: &[(EntryId, &Submission)],
    ) -> Result<(), StoreError> {
        let mut left = submissions;
        while let [(id, first), ..] = left {
            let mut bytes = 0;
            let fits = left.iter().take(GROUP).take_while(|(_, next)| {
                let room = bytes < GROUP_BYTES && next.sealed.len() <= GROUP_BYTES;
                bytes += next.sealed.len();
                room
            });
            let (group, rest) = left.split_at(fits.count().max(1));
            match first.sealed.len() > GROUP_BYTES {
                true => {
                    let mut upload = self.begin_upload_as(*id);
                    upload.write(&first.sealed).await?;
                    upload.commit(first.entry.clone(), None).await?;
                }
                false => self.submit_group(group).await?,
            }
            left = rest;
        }
        Ok(())
    }

    async fn submit_group(&self, group: &[(EntryId, &Submission)]) -> Result<(), StoreError> {
        let (mut chunks, mut files, mut entries) = (vec![], vec![], vec![]);
        for (fid, Submission { entry, sealed }) in group {
            chunks.extend(grid::chunks(*fid, 0, sealed));
            files.push(grid::file(*fid, sealed.len(), &entry.name));
            entries.push(grid::entry(*fid, entry));
        }
        let parts = [
            (&self.chunks, chunks),
            (&self.files, files),
            (&self.entries, entries),
        ];
        let doing = "storing submissions";
        transaction::run(&self.entries, doing, parts, |session, parts| {
            transaction::insert(session, parts).boxed()
        })
        .await
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.server.ping().await
    }

    /// The queue of the entries that no archive has seen.
    pub async fn pending(&self) -> Result<EntryQueue, StoreError> {
        Ok(EntryQueue {
            cache: self.clone(),
            lease: Lease::open(&self.server, &self.db, "archive").await?,
        })
    }

    /// Wakes when an entry comes in.
    pub fn watch(&self) -> Watch {
        Watch::new(
            self.entries.clone(),
            doc! {"operationType": {"$in": ["insert", "update"]},
            "$or": [{"operationType": "insert"}, {"updateDescription.updatedFields.processed": false}]},
        )
    }

    /// Reads the files of a batch in two round trips; one that is not whole is an error of its entry.
    async fn read_files(
        &self,
        fids: &[ObjectId],
    ) -> Result<HashMap<ObjectId, Result<Vec<u8>, String>>, StoreError> {
        let doing = "reading sealed submissions";
        let lengths: HashMap<ObjectId, Option<u64>> = file_lengths(fids)
            .all(&self.files)
            .await?
            .iter()
            .filter_map(|row| Some((row.get_object_id("_id").ok()?, whole(row, "length"))))
            .collect();
        let mut files: HashMap<ObjectId, Result<Vec<u8>, String>> = HashMap::new();
        let mut wanted = Vec::new();
        let mut bytes = 0;
        for fid in fids {
            match lengths.get(fid) {
                None => {
                    files.insert(*fid, Err(format!("its file {fid} is missing")));
                }
                Some(None) => {
                    files.insert(*fid, Err(format!("its file {fid} has no length")));
                }
                Some(Some(length)) if *length > FILE_LIMIT_BYTES => {
                    files.insert(
                        *fid,
                        Err(format!("its file {fid} has {length} bytes: too large")),
                    );
                }
                Some(Some(length)) if bytes + length > BATCH_BYTES && bytes > 0 => break,
                Some(Some(length)) => {
                    bytes += length;
                    wanted.push(*fid);
                    files.insert(*fid, Ok(Vec::with_capacity(*length as usize)));
                }
            }
        }
        let mut cursor = file_chunks(&wanted).cursor(&self.chunks).await?;
        let mut next: HashMap<ObjectId, u64> = HashMap::new();
        while let Some(chunk) = cursor.try_next().await.doing(doing)? {
            let Ok(fid) = chunk.get_object_id("files_id") else {
                continue;
            };
            let n = next.entry(fid).or_default();
            if let (Ok(data), Some(Ok(file))) = (chunk.get_binary("data"), files.get_mut(&fid))
                && whole(&chunk, "n") == Some(*n)
                // what is longer than it should be is as bad as what is shorter, and need not be read
                && file.len() as u64 <= lengths[&fid].unwrap_or_default()
            {
                file.extend_from_slice(data.bytes);
                *n += 1;
            }
        }
        for fid in wanted {
            let length = lengths[&fid].unwrap_or_default();
            if let Some(Ok(file)) = files.get(&fid)
                && file.len() as u64 != length
            {
                let have = file.len();
                let reason = format!("its file {fid} is not whole: {have} of {length} bytes");
                files.insert(fid, Err(reason));
            }
        }
        Ok(files)
    }
}

/// The entries that the archive has to open, shared with other archives.
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
        let documents = find.all(&self.cache.entries).await?;
        if documents.is_empty() {
            return self
                .lease
                .rest(&others, pending(&[]), &self.cache.entries)
                .await;
        }
        let ids = documents
            .iter()
            .filter_map(|document| document.get_object_id("_id").ok());
        let ours = self.lease.take(ids.map(Bson::from).collect()).await?;
        let entries: Vec<(ObjectId, Result<Entry, String>)> = documents
            .iter()
            .filter_map(|document| Some((document.get_object_id("_id").ok()?, document)))
            .filter(|(id, _)| ours.contains(id))
            .map(|(id, document)| {
                let entry = from_document(document);
                (id, entry.map_err(|error| format!("not an entry: {error}")))
            })
            .collect();
        let fids = entries
            .iter()
            .filter_map(|(_, entry)| Some(entry.as_ref().ok()?.fid));
        let mut files = self.cache.read_files(&fids.collect::<Vec<_>>()).await?;
        let mut taken = Vec::with_capacity(entries.len());
        for (id, entry) in entries {
            let read = match entry {
                Err(reason) => Err(reason),
                Ok(entry) => match files.remove(&entry.fid) {
                    // past the bytes of a batch, or with the file of an entry before it: left for the next one
                    None => continue,
                    Some(file) => file.map(|file| (entry, file)),
                },
            };
            taken.push(SealedEntry { id, read });
        }
        Ok(Taken::Work(taken))
    }

    /// Marks entries as seen, once their raws are written. The sealed bytes stay where they are.
    pub async fn mark(&self, opened: &[Opened]) -> Result<(), StoreError> {
        let doing = "marking entries";
        let updates: Vec<Update> = opened.iter().map(marked).collect();
        let updated = bulk::update(&self.cache.entries, &updates, doing).await?;
        updated.whole(doing).map(drop)
    }

    /// Gives up what is leased, so that another worker need not wait.
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

/// A count, of whatever numeric type its writer gave it.
fn whole(document: &RawDocument, field: &str) -> Option<u64> {
    match document.get(field).ok()?? {
        RawBsonRef::Int32(n) => n.try_into().ok(),
        RawBsonRef::Int64(n) => n.try_into().ok(),
        RawBsonRef::Double(n) if n >= 0.0 && n.fract() == 0.0 => Some(n as u64),
        _ => None,
    }
}

pub(crate) fn pending(leased: &[Bson]) -> Find {
    let filter = doc! {"processed": false, "_id": lease::unleased(leased)};
    Find::new("reading pending entries", ENTRY_PROCESSED, filter)
        .sort(doc! {"processed": 1, "_id": 1})
        .limit(BATCH)
}

pub(crate) fn file_lengths(fids: &[ObjectId]) -> Find {
    let filter = doc! {"_id": {"$in": fids}};
    Find::new("reading the lengths of files", ID, filter).project(doc! {"length": 1})
}

pub(crate) fn file_chunks(fids: &[ObjectId]) -> Find {
    let filter = doc! {"files_id": {"$in": fids}};
    Find::new("reading sealed submissions", CHUNK_FILE, filter).sort(doc! {"files_id": 1, "n": 1})
}
