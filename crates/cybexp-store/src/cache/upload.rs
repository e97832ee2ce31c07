//! Submissions too large for memory. Their chunks are written first, and then become a file with an entry in one step.
//!
//! An unfinished upload is registered in the collection `uploads` as `{_id: fid, until}`. Every transaction that writes
//! or deletes its chunks also writes the registration. So chunks always have either a registration or a file, and
//! nobody can add chunks to an upload that was swept.

use std::mem;
use std::time::{Duration, Instant};

use bson::doc;
use bson::oid::ObjectId;
use futures::FutureExt;
use mongodb::ClientSession;
use mongodb::error::Error;

use crate::cache::entry::NewEntry;
use crate::cache::grid::{self, CHUNK_BYTES};
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::transaction::{self, Part};

/// The bytes of chunks written at once. With 4 chunks an upload takes some 6 MiB of memory, the copies of the driver
/// included. With 16 it takes 17 MiB and is no faster (`benches/upload.rs`).
const BATCH_BYTES: usize = 4 * CHUNK_BYTES;
/// Time without new bytes after which an upload is swept.
const LEASE: Duration = Duration::from_secs(60);
/// Time after which a slow upload is written before its batch is full, to renew its lease.
const RENEW: Duration = Duration::from_secs(20);

const WRITING: &str = "writing an upload";

/// Bytes in the first 255 KiB of a file that are only known at its end.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// The position of these bytes in the file.
    pub offset: usize,
    /// The bytes that replace those written there.
    pub bytes: [u8; 16],
}

/// A submission that is being written. After an error, only [`abort`](Self::abort) may follow. An upload that is
/// dropped is found by [`Cache::sweep_uploads`].
#[derive(Debug)]
pub struct Upload {
    cache: Cache,
    fid: ObjectId,
    /// Chunk 0, which waits for the head's bytes.
    first: Vec<u8>,
    /// Bytes that are in no chunk yet.
    held: Vec<u8>,
    /// The number of written chunks, and chunk 0.
    chunks: usize,
    /// The time at which the lease began; `None` before the first chunk is written.
    leased: Option<Instant>,
}

/// The change of the registration that a transaction makes.
#[derive(Debug, Clone, Copy)]
enum Registration {
    /// There is no registration, and none is needed.
    None,
    Make,
    Renew,
    Remove,
}

impl Cache {
    /// Starts a submission. Nothing is stored before it is larger than a megabyte.
    pub fn begin_upload(&self) -> Upload {
        self.begin_upload_as(ObjectId::new())
    }

    /// Starts a submission as [`Self::begin_upload`] does, with this id for the file and the entry.
    pub(crate) fn begin_upload_as(&self, fid: ObjectId) -> Upload {
        Upload {
            cache: self.clone(),
            fid,
            first: Vec::new(),
            held: Vec::new(),
            chunks: 1,
            leased: None,
        }
    }
}

impl Upload {
    /// Adds the next bytes.
    pub async fn write(&mut self, sealed: &[u8]) -> Result<(), StoreError> {
        let room = (CHUNK_BYTES - self.first.len()).min(sealed.len());
        let (first, rest) = sealed.split_at(room);
        self.first.extend(first);
        for part in rest.chunks(CHUNK_BYTES) {
            self.held.extend(part);
            if self.held.len() >= BATCH_BYTES {
                self.flush().await?;
            }
        }
        match self.leased {
            Some(since) if since.elapsed() > RENEW => self.flush().await,
            _ => Ok(()),
        }
    }

    /// Makes a file and an entry of the upload.
    ///
    /// # Panics
    /// If the head is beyond the beginning of the file.
    pub async fn commit(mut self, entry: NewEntry, head: Option<Head>) -> Result<(), StoreError> {
        self.put(head);
        let length = self.first.len() + (self.chunks - 1) * CHUNK_BYTES + self.held.len();
        let first = grid::chunks(self.fid, 0, &self.first);
        let chunks = first.chain(grid::chunks(self.fid, self.chunks, &self.held));
        let parts = [
            (&self.cache.chunks, chunks.collect()),
            (
                &self.cache.files,
                vec![grid::file(self.fid, length, &entry.name)],
            ),
            (&self.cache.entries, vec![grid::entry(self.fid, &entry)]),
        ];
        let registration = match self.leased {
            Some(_) => Registration::Remove,
            None => Registration::None,
        };
        self.store(registration, &parts).await
    }

    /// Drops the upload. Chunks that cannot be deleted now are swept later.
    pub async fn abort(self) {
        if self.leased.is_some()
            && let Err(error) = self.cache.discard(self.fid, doc! {"_id": self.fid}).await
        {
            tracing::debug!(%error, fid = %self.fid, "an aborted upload is left to be swept");
        }
    }

    /// Returns the id of the entry.
    pub(crate) fn id(&self) -> ObjectId {
        self.fid
    }

    /// Returns all bytes, if they fit in one chunk and nothing is stored.
    pub(crate) fn small(&mut self, head: Option<Head>) -> Option<Vec<u8>> {
        if !self.held.is_empty() || self.leased.is_some() {
            return None;
        }
        self.put(head);
        Some(mem::take(&mut self.first))
    }

    fn put(&mut self, head: Option<Head>) {
        if let Some(Head { offset, bytes }) = head {
            self.first[offset..][..bytes.len()].copy_from_slice(&bytes);
        }
    }

    /// Writes whole chunks of the held bytes, and renews the lease.
    async fn flush(&mut self) -> Result<(), StoreError> {
        let whole = self.held.len() / CHUNK_BYTES * CHUNK_BYTES;
        let chunks = grid::chunks(self.fid, self.chunks, &self.held[..whole]).collect();
        // set before the write, because a write that fails or is cut short may have been done, and is to be aborted
        let registration = match self.leased.replace(Instant::now()) {
            Some(_) => Registration::Renew,
            None => Registration::Make,
        };
        let parts = [(&self.cache.chunks, chunks)];
        self.store(registration, &parts).await?;
        self.chunks += whole / CHUNK_BYTES;
        self.held.drain(..whole);
        Ok(())
    }

    async fn store(
        &self,
        registration: Registration,
        parts: &[Part<'_>],
    ) -> Result<(), StoreError> {
        let context = (self, registration, parts);
        let stored = transaction::run(&self.cache.uploads, WRITING, context, |session, context| {
            let (upload, registration, parts) = context;
            async move {
                let registered = upload.register(*registration, session).await?;
                if registered {
                    transaction::insert(session, WRITING, parts).await?;
                }
                Ok(registered)
            }
            .boxed()
        });
        match stored.await? {
            true => Ok(()),
            false => Err(StoreError::Swept),
        }
    }

    /// Writes the registration, and returns whether it was as expected.
    async fn register(
        &self,
        registration: Registration,
        session: &mut ClientSession,
    ) -> Result<bool, Error> {
        let uploads = self.cache.uploads.named(WRITING);
        let it = doc! {"_id": self.fid};
        let until = vec![doc! {"$set": {
            // the server's clock, because those of several machines may differ
            "until": {"$add": ["$$NOW", LEASE.as_millis() as i64]},
        }}];
        Ok(match registration {
            Registration::None => true,
            Registration::Make => {
                let made = uploads.update_one(it, until).part().upsert(true);
                made.session(session).await?.upserted_id.is_some()
            }
            Registration::Renew => {
                let renewed = uploads.update_one(it, until).part().session(session);
                renewed.await?.matched_count == 1
            }
            Registration::Remove => {
                let removed = uploads.delete_one(it).part().session(session);
                removed.await?.deleted_count == 1
            }
        })
    }
}
