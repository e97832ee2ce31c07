//! Writing events, under a note of the hours that they change.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use bson::{Bson, Document, RawDocumentBuf, doc};
use tahoe_core::{Event, Hash};

use crate::archive::ids::{self, OrgTag, binary};
use crate::archive::keys::Nature;
use crate::archive::labels;
use crate::archive::missing::{self, Rejected, Written};
use crate::archive::open::Archive;
use crate::archive::stored::{self, TLP};
use crate::error::StoreError;
use crate::graph::hours::hour_of;
use crate::graph::journal::Lane;
use crate::graph::write::batch::GraphBatch;
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::Documents;
use crate::tables::headers;

const INSERTING: &str = "writing events";
const ADDING: &str = "adding sessions and raws to events";
const LABELLING: &str = "labelling events";

/// Elements of an event's list beyond which none is added: whoever submits the same event again and again must not make
/// its document too large to be changed.
const ELEMENTS: usize = 20_000;

/// The most bytes of events held before they are written.
const PART_BYTES: usize = 32 << 20;

/// Changes events, with its own lanes in the journal; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct EventWriter {
    coll: Documents,
    journal: Documents,
    /// Tables of the values of each hour.
    hours: Documents,
    /// Lanes without an open note.
    lanes: Arc<Mutex<Vec<Lane>>>,
}

/// The events of a batch that have to be inserted, under an open note.
#[derive(Debug)]
pub(super) struct Fresh<'a> {
    events: Vec<&'a Event>,
    note: Option<Lane>,
    /// Whether events that were stored a moment ago are gone, so that all must be looked for once more.
    vanished: bool,
}

impl EventWriter {
    pub(super) fn new(archive: &Archive) -> Self {
        Self {
            coll: archive.coll.clone(),
            journal: archive.journal.clone(),
            hours: archive.hours.clone(),
            lanes: Arc::default(),
        }
    }

    /// Opens a note of these hours, if there are any.
    pub(super) async fn open(&self, hours: &BTreeSet<i64>) -> Result<Option<Lane>, StoreError> {
        if hours.is_empty() {
            return Ok(None);
        }
        let lanes = || self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lane = lanes().pop().unwrap_or_else(Lane::new);
        lane.open(&self.journal, hours).await?;
        // after the note: who makes tables looks for notes after it began
        headers::change(&self.hours, hours).await?;
        Ok(Some(lane))
    }

    /// Closes a note once what it announced is written. Where that failed the note stays open, and is found to be one of
    /// a dead writer.
    pub(super) async fn close(&self, note: Option<Lane>) -> Result<(), StoreError> {
        if let Some(mut lane) = note {
            lane.close(&self.journal).await?;
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            lanes.push(lane);
        }
        Ok(())
    }

    /// Looks which events of the batch are stored, opens a note for the others, and adds to those that are stored the
    /// sessions and raws that they lack.
    pub(super) async fn prepare<'a>(&self, batch: &'a GraphBatch) -> Result<Fresh<'a>, StoreError> {
        let hashes: BTreeSet<Hash> = batch
            .events
            .keys()
            .chain(batch.keys.keys())
            .copied()
            .collect();
        let ids: Vec<Bson> = hashes.iter().copied().map(ids::of_hash).collect();
        let existing = missing::existing(&self.coll, ids.iter()).await?;
        let mut events: Vec<&Event> = batch.events.values().collect();
        events.retain(|event| !existing.holds(&ids::of_hash(event.hash())));
        events.sort_unstable_by_key(|event| event.hash());
        // tables count what is derived from sessions, and an earlier release did not say so in the events
        let timed = batch.timed();
        let timed = timed.filter(|event| existing.holds(&ids::of_hash(event.hash())));
        let changed = events.iter().copied().chain(timed);
        let hours = changed.map(|event| hour_of(event.timestamp().get()));
        let stored = hashes
            .iter()
            .copied()
            .filter(|hash| existing.holds(&ids::of_hash(*hash)));
        let (note, vanished) = futures::try_join!(
            async { self.open(&hours.collect()).await },
            self.add_keys(batch, stored.collect())
        )?;
        Ok(Fresh {
            events,
            note,
            vanished,
        })
    }

    /// Inserts the events and closes the note. Returns also whether some that were stored have been removed in the
    /// meantime, so that the batch must be prepared and inserted once more.
    pub(super) async fn insert(
        &self,
        mut fresh: Fresh<'_>,
        batch: &GraphBatch,
    ) -> Result<(Written, bool), StoreError> {
        let mut written = Written {
            existing: (batch.events.len() - fresh.events.len()) as u64,
            ..Written::default()
        };
        let mut orgs: HashMap<&str, OrgTag> = HashMap::new();
        let mut hashes: Vec<Hash> = Vec::new();
        let mut documents: Vec<RawDocumentBuf> = Vec::new();
        let mut bytes = 0;
        for event in fresh.events {
            let hash = event.hash();
            let orgid = event.orgid().as_str();
            let org = orgs.entry(orgid).or_insert_with(|| OrgTag::of(orgid));
            match stored::event(event, org, batch.nature(hash), keys_of(batch, hash)) {
                Ok(document) => {
                    bytes += document.as_bytes().len();
                    hashes.push(hash);
                    documents.push(document);
                }
                Err(reason) => written.rejected.push(Rejected { hash, reason }),
            }
            if bytes >= PART_BYTES {
                fresh.vanished |= self
                    .insert_part(&mut hashes, &mut documents, batch, &mut written)
                    .await?;
                if let Some(note) = &mut fresh.note {
                    note.renew(&self.journal).await?;
                }
                bytes = 0;
            }
        }
        fresh.vanished |= self
            .insert_part(&mut hashes, &mut documents, batch, &mut written)
            .await?;
        self.close(fresh.note).await?;
        Ok((written, fresh.vanished))
    }

    async fn insert_part(
        &self,
        hashes: &mut Vec<Hash>,
        documents: &mut Vec<RawDocumentBuf>,
        batch: &GraphBatch,
        written: &mut Written,
    ) -> Result<bool, StoreError> {
        let tried = hashes.clone();
        let (refused, count) = (written.rejected.len(), written.inserted);
        let insert = missing::insert_documents(&self.coll, hashes, documents, INSERTING, written);
        let raced = insert.await?;
        if written.inserted - count == tried.len() as u64 {
            written.new_events.extend(tried);
        } else {
            let refused = written.rejected[refused..].iter().map(|one| one.hash);
            let not_new: HashSet<Hash> = raced.iter().copied().chain(refused).collect();
            let new = tried.into_iter().filter(|hash| !not_new.contains(hash));
            written.new_events.extend(new);
        }
        self.add_keys(batch, raced).await
    }

    /// Adds to stored events the sessions and raws of the batch. They are found by these, and counted as before. Returns
    /// whether some of them are stored no more, since their last raw does not make them any more.
    async fn add_keys(
        &self,
        batch: &GraphBatch,
        mut stored: Vec<Hash>,
    ) -> Result<bool, StoreError> {
        stored.retain(|hash| batch.keys.contains_key(hash));
        stored.sort_unstable();
        let updates = stored.iter().map(|hash| Update {
            filter: with_room(*hash),
            update: addition(keys_of(batch, *hash)).into(),
            upsert: false,
        });
        let updates: Vec<Update> = updates.collect();
        // whoever finds the raw in the event finds the label
        self.label(batch, &stored).await?;
        let updated = bulk::update(&self.coll, &updates, ADDING).await?;
        if updated.whole(ADDING)?.matched == updates.len() as u64 {
            return Ok(false);
        }
        let ids = ids::of_hashes(&stored);
        let existing = missing::existing(&self.coll, ids.iter()).await?;
        Ok(ids.iter().any(|id| !existing.holds(id)))
    }
}

impl EventWriter {
    /// Gives stored events the labels of the batch that are stricter than theirs.
    async fn label(&self, batch: &GraphBatch, stored: &[Hash]) -> Result<(), StoreError> {
        let stored = stored.iter().filter_map(|hash| batch.events.get(hash));
        let updates: Vec<Update> = stored
            .filter(|event| batch.nature(event.hash()) == Nature::Observed)
            .filter_map(labelling)
            .collect();
        if updates.is_empty() {
            return Ok(());
        }
        let labelled = bulk::update(&self.coll, &updates, LABELLING).await?;
        labelled.whole(LABELLING).map(drop)
    }
}

/// Makes the update that gives a stored event the label of this one, if that is stricter. The element of a label before
/// stays: it says no more than that there is an event which is not for everybody.
pub(crate) fn labelling(event: &Event) -> Option<Update> {
    let tlp = event.tlp()?;
    let org = OrgTag::of(event.orgid().as_str());
    let mut update = doc! {"$set": {TLP: tlp.as_str()}};
    if let Some(element) = stored::label(&org, tlp) {
        update.insert("$addToSet", doc! {"_keys": element});
    }
    Some(Update {
        filter: doc! {"_id": ids::of_hash(event.hash()), TLP: labels::less_than(tlp)},
        update: update.into(),
        upsert: false,
    })
}

fn keys_of(batch: &GraphBatch, event: Hash) -> impl Iterator<Item = Bson> {
    let keys = batch.keys.get(&event).into_iter().flatten();
    keys.map(|element| binary(element.clone()))
}

/// Makes the condition of an event whose list has room.
pub(crate) fn with_room(event: Hash) -> Document {
    let mut filter = doc! {"_id": ids::of_hash(event)};
    filter.insert(format!("_keys.{ELEMENTS}"), doc! {"$exists": false});
    filter
}

/// Makes the update that adds elements to an event.
pub(crate) fn addition(keys: impl Iterator<Item = Bson>) -> Document {
    doc! {"$addToSet": {"_keys": {"$each": keys.collect::<Vec<_>>()}}}
}
