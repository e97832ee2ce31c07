//! The queue of raws: those that a filter has not processed.

use std::borrow::Borrow;
use std::collections::HashSet;

use bson::{Bson, Document, RawDocumentBuf, doc};
use tahoe_core::{Raw, Tlp};

use crate::archive::ids::{self, RawId};
use crate::archive::labels;
use crate::archive::missing::{self, New, Written};
use crate::archive::open::Archive;
use crate::archive::stored::{self, TLP};
use crate::error::StoreError;
use crate::mongo::bulk::{self, COMMAND_DOCUMENTS};
use crate::mongo::collection::{Documents, from_document};
use crate::mongo::find::Find;
use crate::mongo::indexes::RAW_TODO;
use crate::mongo::lease::{Lease, Taken};
use crate::mongo::watch::Watch;
use crate::raws::outcome::{self, RawOutcome};
use crate::raws::pending::PendingRaw;

/// The most raws of a batch. The number of bytes below ends a batch earlier, to bound its memory.
const BATCH: i64 = 1000;
/// The bytes of documents at which a batch ends: what is made of them takes longer than to take the next.
const BATCH_BYTES: usize = 8 << 20;

/// The raws of one filter, shared with other workers of the same filter.
#[derive(Debug)]
pub struct RawQueue {
    coll: Documents,
    lease: Lease,
    filter: String,
    /// Ids of the raws that were taken and are not marked.
    in_hand: Vec<Bson>,
}

/// Marks raws that a filter has processed; cheap to clone.
#[derive(Debug, Clone)]
pub struct RawMarker {
    coll: Documents,
    filter: String,
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

    /// Inserts the raws that are not stored. `filters` returns the names of the filters that read a typetag: a new raw
    /// waits for them. Raws that are given, and not lent, are dropped before their documents are sent.
    pub async fn write<R: Borrow<Raw>>(
        &self,
        raws: impl IntoIterator<Item = R>,
        filters: impl Fn(&str) -> Vec<&'static str>,
    ) -> Result<Written, StoreError> {
        let mut seen = HashSet::new();
        let (mut new, mut labelled) = (Vec::new(), Vec::new());
        for given in raws {
            let raw: &Raw = given.borrow();
            let (hash, id) = (raw.hash(), RawId::new(raw.hash(), raw.orgid().as_str()));
            let label = raw.tlp();
            labelled.extend(
                label.and_then(|tlp| labelling(&id, tlp, &filters(raw.sub_type().as_str()))),
            );
            if seen.insert(id) {
                new.push(New {
                    id: id.bson(),
                    hash,
                    content: (id, given),
                });
            }
        }
        let document = |new: New<(RawId, R)>| {
            let (id, raw) = new.content;
            let raw = raw.borrow();
            stored::raw_waiting(raw, &id, &filters(raw.sub_type().as_str()))
        };
        let written = missing::insert(&self.archive.coll, new, document, "writing raws").await?;
        self.label(&labelled).await?;
        Ok(written)
    }

    /// Gives stored raws the labels that are stricter than theirs. They wait for their filters again, which give the label
    /// to what was made of them.
    async fn label(&self, labelled: &[(Document, Document)]) -> Result<(), StoreError> {
        for part in labelled.chunks(COMMAND_DOCUMENTS) {
            bulk::update_all(&self.archive.coll, part, "labelling raws").await?;
        }
        Ok(())
    }

    /// Returns the queue of the raws that wait for the filter of this id (`name@version`).
    pub async fn queue(&self, filter: &str) -> Result<RawQueue, StoreError> {
        let name = outcome::name_of(filter);
        Ok(RawQueue {
            coll: self.archive.coll.clone(),
            lease: Lease::open(&self.archive.server, &self.archive.db, name).await?,
            filter: filter.to_owned(),
            in_hand: Vec::new(),
        })
    }

    /// Returns a watch that wakes when a raw is stored, or is to be processed again. Sessions wait for some time anyway.
    pub fn watch(&self) -> Watch {
        let of = doc! {"$or": [
            {"operationType": "insert", "fullDocument._todo": {"$exists": true}, "fullDocument.itype": "raw"},
            {
                "operationType": "update", "updateDescription.updatedFields._todo": {"$exists": true},
                "updateDescription.updatedFields._due": {"$exists": false},
            },
        ]};
        Watch::new(self.archive.coll.clone(), of)
    }
}

impl RawQueue {
    /// Takes a batch as [`take_unread`](Self::take_unread) does, and reads all of it.
    #[allow(clippy::type_complexity)]
    pub async fn take(&mut self) -> Result<Taken<Result<PendingRaw, RawOutcome>>, StoreError> {
        Ok(match self.take_unread().await? {
            Taken::Work(raws) => Taken::Work(raws.into_iter().map(UnreadRaw::read).collect()),
            Taken::Leased(wait) => Taken::Leased(wait),
            Taken::Nothing => Taken::Nothing,
        })
    }

    /// Takes a batch, besides those that were taken and are not marked.
    pub async fn take_unread(&mut self) -> Result<Taken<UnreadRaw>, StoreError> {
        let others = self.lease.others().await?;
        let mut leased = others.items.clone();
        leased.extend(self.in_hand.iter().cloned());
        let mut rows = pending(&self.filter, unleased(&leased))
            .rows(&self.coll)
            .await?;
        let mut documents = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES
            && let Some(document) = rows.next().await?
        {
            bytes += document.as_bytes().len();
            documents.push(document);
        }
        if documents.is_empty() {
            if !self.in_hand.is_empty() {
                return Ok(Taken::Nothing);
            }
            let theirs = pending(&self.filter, doc! {"$in": &others.items});
            return self.lease.rest(&others, theirs, &self.coll).await;
        }
        let mut items: Vec<Bson> = documents.iter().filter_map(id).collect();
        items.extend(self.in_hand.iter().cloned());
        let ours = self.lease.take_items(items).await?;
        documents.retain(|document| {
            document
                .get_binary("_id")
                .is_ok_and(|id| ours.contains(id.bytes))
        });
        self.in_hand.extend(documents.iter().filter_map(id));
        Ok(Taken::Work(documents.into_iter().map(UnreadRaw).collect()))
    }

    /// Returns what marks raws of this queue.
    pub fn marker(&self) -> RawMarker {
        RawMarker {
            coll: self.coll.clone(),
            filter: self.filter.clone(),
        }
    }

    /// Forgets raws that were marked.
    pub fn marked(&mut self, outcomes: &[RawOutcome]) {
        let marked: HashSet<&[u8]> = outcomes.iter().filter_map(|one| bytes(&one.id)).collect();
        self.in_hand
            .retain(|id| bytes(id).is_some_and(|id| !marked.contains(id)));
    }

    /// Extends the lease of the raws that were taken and are not marked.
    pub async fn renew(&mut self) -> Result<(), StoreError> {
        if !self.in_hand.is_empty() {
            self.lease.take_items(self.in_hand.clone()).await?;
        }
        Ok(())
    }

    /// Gives back all raws that were taken and are not marked, so that they are taken again, by any worker.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        self.in_hand.clear();
        self.lease.release().await
    }
}

impl RawMarker {
    /// Marks raws as processed, once all instances made of them are written. `at` is the time in Unix seconds.
    pub async fn mark(&self, outcomes: &[RawOutcome], at: f64) -> Result<(), StoreError> {
        let updates = outcome::updates(&self.filter, outcomes, at);
        for part in updates.chunks(COMMAND_DOCUMENTS) {
            bulk::update_all(&self.coll, part, "marking raws").await?;
        }
        Ok(())
    }
}

/// Makes the condition and update that give a stored raw a stricter label; `None` for a label that limits nothing.
pub(crate) fn labelling(id: &RawId, tlp: Tlp, filters: &[&str]) -> Option<(Document, Document)> {
    if tlp == Tlp::Clear {
        return None;
    }
    let mut update = doc! {"$set": {TLP: tlp.as_str()}};
    if !filters.is_empty() {
        update.insert("$addToSet", doc! {"_todo": {"$each": filters}});
    }
    Some((doc! {"_id": id.bson(), TLP: labels::less_than(tlp)}, update))
}

fn bytes(id: &Bson) -> Option<&[u8]> {
    match id {
        Bson::Binary(id) => Some(&id.bytes),
        _ => None,
    }
}

fn id(document: &RawDocumentBuf) -> Option<Bson> {
    let id = document.get_binary("_id").ok()?;
    ids::bytes_of(id).map(ids::binary)
}

/// A raw that was taken and is not read yet: its value takes ten times the memory of its document, and more if it is hostile.
#[derive(Debug)]
pub struct UnreadRaw(RawDocumentBuf);

impl UnreadRaw {
    /// Returns the time at which it was accepted, in Unix seconds.
    pub fn timestamp(&self) -> Option<f64> {
        self.0.get_f64("timestamp").ok()
    }

    /// Reads it. A document that is no raw is returned as its id and the reason.
    #[expect(clippy::result_large_err, reason = "a raw is as large")]
    pub fn read(self) -> Result<PendingRaw, RawOutcome> {
        let document = self.0;
        from_document(&document)
            .map_err(|error| RawOutcome::unreadable(id(&document).unwrap_or(Bson::Null), &error))
    }
}

/// Makes the condition on the `_id` of raws that excludes these.
pub(crate) fn unleased(items: &[Bson]) -> Document {
    let mut id = doc! {"$type": "binData"};
    if !items.is_empty() {
        id.insert("$nin", items);
    }
    id
}

/// Finds the raws that wait for the filter of this id, in the order in which they were accepted.
pub(crate) fn pending(filter: &str, id: Document) -> Find {
    let of = doc! {"_todo": outcome::name_of(filter), "_id": id};
    Find::new("reading pending raws", RAW_TODO, of)
        .sort(doc! {"timestamp": 1})
        .limit(BATCH)
}
