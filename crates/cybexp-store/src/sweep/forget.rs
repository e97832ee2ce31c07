//! Forgetting at once, for a person: a raw with all that was made of it, a value, or all of an organisation.
//!
//! Events and raws go at once, and with them every answer that showed them. Attributes, objects and sessions that nothing
//! names any more go with the sweep of the archive daemon, some ten minutes later.

use std::collections::BTreeSet;

use bson::{Bson, Document, RawDocumentBuf, doc};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::archive::ids::{OrgTag, RawId, SessionId};
use crate::archive::keys;
use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::graph::write::remove::{self, Removable};
use crate::graph::write::replace::JudgedEvents;
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk::COMMAND_DOCUMENTS;
use crate::mongo::collection::from_document;
use crate::mongo::find::Find;
use crate::mongo::indexes::{EVENT_KEYS, ID};
use crate::sweep::named::{self, Naming};
use crate::sweep::orgs;
use crate::sweep::raws::{self, OldRaw};
use crate::sweep::rows::{self, Candidates};

const LOOKING: &str = "looking for what is to be forgotten";

/// Raws that are removed together.
const RAWS: usize = 200;
/// Bytes of documents that are dealt with together.
const TOGETHER_BYTES: usize = 4 << 20;

/// Numbers of what was forgotten.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// Raws.
    pub raws: u64,
    /// Events, also those that an analyst has judged.
    pub events: u64,
}

impl Forgotten {
    fn add(&mut self, other: Self) {
        self.raws += other.raws;
        self.events += other.events;
    }
}

/// Removes parts of an archive at once.
#[derive(Debug)]
pub struct Forget {
    archive: Archive,
    writer: GraphWriter,
}

/// A document of an organisation.
#[derive(Deserialize)]
struct Owned {
    #[serde(rename = "_id")]
    id: bson::Binary,
    itype: String,
}

impl Forget {
    /// Makes a handle with a lane of its own in the journal.
    pub fn new(archive: &Archive) -> Self {
        Self {
            archive: archive.clone(),
            writer: GraphWriter::new(archive),
        }
    }

    /// Returns the raws whose hash begins with these bytes, of all organisations, at most a thousand.
    pub async fn raws(&self, hash: &[u8]) -> Result<Vec<RawId>, StoreError> {
        let found = self.old_raws(doc! {"_id": RawId::begins(hash)}).await?;
        Ok(found.into_iter().map(|raw| raw.id).collect())
    }

    /// Returns the raws of which filters made events that refer to these values, and the number of these events.
    pub async fn raws_of_values(&self, values: &[Hash]) -> Result<(Vec<RawId>, u64), StoreError> {
        let mut parts = BTreeSet::new();
        let mut events = 0;
        let mut rows = self
            .events_of(values)
            .await?
            .rows(&self.archive.coll)
            .await?;
        while let Some(row) = rows.next().await? {
            let Ok(event) = from_document::<Removable>(&row) else {
                continue;
            };
            events += 1;
            let of_raws = event.keys.iter().map(|key| &key.bytes);
            let of_raws = of_raws.filter(|key| keys::is_of_raw(key));
            parts.extend(of_raws.map(|key| keys::raw_of(key).to_vec()));
        }
        let mut raws = Vec::new();
        for part in parts {
            let begins = RawId::begins(keys::hash_of_raw(&part));
            let old = self.old_raws(doc! {"_id": begins}).await?;
            let ours = |raw: &OldRaw| keys::raw_element(&raw.id, raw.timestamp)[..] == part[..];
            raws.extend(old.iter().filter(|raw| ours(raw)).map(|raw| raw.id));
        }
        Ok((raws, events))
    }

    /// Removes raws, with all events that no other raw makes.
    pub async fn forget_raws(&self, raws: &[RawId]) -> Result<Forgotten, StoreError> {
        let mut forgotten = Forgotten::default();
        for part in raws.chunks(RAWS) {
            let ids: Vec<Bson> = part.iter().map(RawId::bson).collect();
            let old = self.old_raws(doc! {"_id": {"$in": ids}}).await?;
            // even those that wait for a filter: a worker may have one in hand, so the sweep looks once more
            let whole: Vec<Document> = old.iter().map(|raw| doc! {"_id": raw.id.bson()}).collect();
            let judged = JudgedEvents::Go;
            let removed =
                raws::remove_where(&self.archive, &self.writer, &old, &whole, judged).await?;
            forgotten.add(Forgotten {
                raws: removed.raws,
                events: removed.events,
            });
        }
        Ok(forgotten)
    }

    /// Removes all events that refer to these values.
    pub async fn forget_events_of(&self, values: &[Hash]) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let find = self
                .events_of(values)
                .await?
                .limit(COMMAND_DOCUMENTS as i64);
            let events: Vec<Removable> = find.read(&self.archive.coll).await?;
            if events.is_empty() {
                return Ok(removed);
            }
            removed += self.writer.remove(&events).await?;
        }
    }

    /// Removes all raws and events of an organisation. Reads the whole archive.
    pub async fn forget_org(&self, orgid: &str) -> Result<Forgotten, StoreError> {
        let mut forgotten = Forgotten::default();
        let fields = doc! {
            "itype": 1, "_hash": 1, "orgid": 1, "timestamp": 1, "_keys": 1, "_judged": 1,
            "_ref": 1, "filters": 1, "_todo": 1,
        };
        let find = self.archive.coll.named(LOOKING).find(doc! {"orgid": orgid});
        // without a limit of time: it may read for minutes before it finds something
        let mut rows = find.with(|find| find.projection(fields)).rows().await?;
        let (mut part, mut bytes) = (Vec::new(), 0);
        loop {
            let row = rows.next().await?;
            let end = row.is_none();
            if let Some(row) = row {
                bytes += row.as_bytes().len();
                part.push(row);
            }
            if end || part.len() >= COMMAND_DOCUMENTS || bytes >= TOGETHER_BYTES {
                forgotten.add(self.forget_owned(orgid, &part).await?);
                (part, bytes) = (Vec::new(), 0);
            }
            if end {
                return Ok(forgotten);
            }
        }
    }

    async fn forget_owned(
        &self,
        orgid: &str,
        rows: &[RawDocumentBuf],
    ) -> Result<Forgotten, StoreError> {
        let (mut raws, mut events) = (Vec::new(), Vec::new());
        let mut sessions = Candidates::new();
        for row in rows {
            let Ok(owned) = from_document::<Owned>(row) else {
                continue;
            };
            match owned.itype.as_str() {
                "raw" => raws.extend(RawId::read(&owned.id.bytes)),
                "event" => events.extend(from_document::<Removable>(row).ok()),
                "session" if SessionId::read(&owned.id.bytes).is_some() => {
                    sessions.insert((owned.id.bytes, orgid.to_owned()));
                }
                _ => {}
            }
        }
        let mut forgotten = self.forget_raws(&raws).await?;
        forgotten.events += self.writer.remove(&events).await?;
        rows::note_candidates(&self.archive.going, &sessions).await?;
        Ok(forgotten)
    }

    async fn old_raws(&self, filter: Document) -> Result<Vec<OldRaw>, StoreError> {
        let fields = doc! {"_id": 1, "timestamp": 1, "filters": 1, "_todo": 1};
        let find = Find::new(LOOKING, ID, filter).project(fields);
        find.limit(COMMAND_DOCUMENTS as i64)
            .read(&self.archive.coll)
            .await
    }

    /// Finds the events of all organisations that refer to these values.
    async fn events_of(&self, values: &[Hash]) -> Result<Find, StoreError> {
        orgs::complete(&self.archive).await?;
        let orgs = orgs::registered(&self.archive).await?;
        let orgs: Vec<OrgTag> = orgs.iter().map(|org| OrgTag::of(org)).collect();
        let elements = values
            .iter()
            .flat_map(|hash| named::references(*hash, &orgs, Naming::Any.kinds()));
        let filter = doc! {
            "_keys": {"$in": elements.collect::<Vec<Bson>>()},
            "_tie": {"$gte": keys::LEAST_TIE},
        };
        Ok(Find::new(LOOKING, EVENT_KEYS, filter).project(remove::fields()))
    }
}
