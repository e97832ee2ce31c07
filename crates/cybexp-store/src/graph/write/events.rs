//! Writing events. The transaction of each batch also notes the hours that it changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use bson::RawDocumentBuf;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use mongodb::error::ErrorKind;
use tahoe_core::{Event, Hash};
use tokio::sync::Mutex;

use crate::archive::missing::{self, Rejected, Written};
use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::graph::hours::hour_of;
use crate::graph::journal::Lane;
use crate::mongo::bulk::{COMMAND_DOCUMENTS, DUPLICATE_KEY};
use crate::mongo::collection::{Documents, to_document};
use crate::mongo::transaction;

/// Batches written at once, enough to keep two cores of the server busy.
const LANES: usize = 2;
/// The most bytes of a batch; a single event may have more.
const BATCH_BYTES: usize = 8 << 20;
const DOING: &str = "writing events";

/// Writes events, with its own lanes in the journal; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct EventWriter {
    coll: Documents,
    journal: Documents,
    lanes: Arc<[Mutex<Lane>; LANES]>,
}

/// An event in the form in which it will be stored.
struct New {
    hash: Hash,
    orgid: String,
    hour: i64,
    document: RawDocumentBuf,
}

impl EventWriter {
    pub(super) fn new(archive: &Archive) -> Self {
        Self {
            coll: archive.coll.clone(),
            journal: archive.journal.clone(),
            lanes: Arc::new(std::array::from_fn(|_| Mutex::new(Lane::new()))),
        }
    }

    /// Inserts the events that are not stored.
    pub(super) async fn insert(
        &self,
        events: impl Iterator<Item = &Event>,
    ) -> Result<Written, StoreError> {
        let mut events: Vec<&Event> = events.collect();
        events.sort_unstable_by_key(|event| (event.hash(), event.orgid()));
        let hashes = events.iter().map(|event| event.hash());
        let existing = missing::existing(&self.coll, hashes).await?;
        let offered = events.len() as u64;
        events.retain(|event| !existing.holds(event.hash(), event.orgid().as_str()));
        let mut written = Written::default();
        let mut new = Vec::with_capacity(events.len());
        for event in events {
            match to_document(event) {
                Ok(document) => new.push(New {
                    hash: event.hash(),
                    orgid: event.orgid().as_str().to_owned(),
                    hour: hour_of(event.timestamp().get()),
                    document,
                }),
                Err(reason) => written.rejected.push(Rejected {
                    hash: event.hash(),
                    reason,
                }),
            }
        }
        let batches = batches(new).into_iter().enumerate();
        let batches = batches.map(|(n, batch)| self.insert_batch(n % LANES, batch));
        let mut batches = stream::iter(batches.collect::<Vec<_>>()).buffer_unordered(LANES);
        while let Some((inserted, rejected)) = batches.try_next().await? {
            written.inserted += inserted;
            written.rejected.extend(rejected);
        }
        written.existing = offered - written.inserted - written.rejected.len() as u64;
        Ok(written)
    }

    /// Inserts a batch, unless all of it is stored by now.
    async fn insert_batch(
        &self,
        lane: usize,
        mut batch: Vec<New>,
    ) -> Result<(u64, Vec<Rejected>), StoreError> {
        let mut lane = self.lanes[lane].lock().await;
        let mut rejected = Vec::new();
        while !batch.is_empty() {
            let hours: BTreeSet<i64> = batch.iter().map(|new| new.hour).collect();
            let note = lane.next(&hours);
            let documents: Vec<&RawDocumentBuf> = batch.iter().map(|new| &new.document).collect();
            let context = (self, &documents, &note);
            let done = transaction::run(&self.coll, DOING, context, |session, context| {
                let (writer, documents, note) = *context;
                async move {
                    let insert = writer.coll.named(DOING);
                    let insert = insert.insert_many(documents.iter().copied()).part();
                    insert.session(&mut *session).await?;
                    note.write(&writer.journal, session).await
                }
                .boxed()
            });
            let Err(error) = done.await else {
                lane.written(&note);
                return Ok((batch.len() as u64, rejected));
            };
            // after some errors it is unknown whether the note was written, so its number is not used again
            *lane = Lane::new();
            let (index, duplicate, reason) = refused(&error).ok_or(error)?;
            if duplicate {
                // another process inserted some of them in the meantime
                let hashes = batch.iter().map(|new| new.hash);
                let existing = missing::existing(&self.coll, hashes).await?;
                batch.retain(|new| !existing.holds(new.hash, &new.orgid));
            } else {
                let hash = batch.swap_remove(index).hash;
                rejected.push(Rejected { hash, reason });
            }
        }
        Ok((0, rejected))
    }
}

/// Returns the first document that the server refused: its index, whether it is stored already, and the reason.
fn refused(error: &StoreError) -> Option<(usize, bool, String)> {
    let StoreError::Database { cause, .. } = error else {
        return None;
    };
    let ErrorKind::InsertMany(refused) = &*cause.kind else {
        return None;
    };
    let first = refused.write_errors.as_ref()?.first()?;
    Some((
        first.index,
        first.code == DUPLICATE_KEY,
        first.message.clone(),
    ))
}

fn batches(events: Vec<New>) -> Vec<Vec<New>> {
    let mut batches: Vec<Vec<New>> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let size = event.document.as_bytes().len();
        bytes += size;
        match batches.last_mut() {
            Some(batch) if batch.len() < COMMAND_DOCUMENTS && bytes <= BATCH_BYTES => {
                batch.push(event)
            }
            _ => {
                bytes = size;
                batches.push(vec![event]);
            }
        }
    }
    batches
}
