//! Setting the category and the contexts of events, as an analyst judges them.
//!
//! The elements of an event's list hold context and category, so they are made anew, under a note of the event's hour. The
//! update names the list that was read: where a raw was added, or somebody else judged in the meantime, it is done again.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bson::{Binary, Bson, Document, doc};
use serde::Deserialize;
use serde_json::json;
use tahoe_core::{Category, Event, Hash, Instance, Value};

use crate::archive::ids::{self, OrgTag};
use crate::archive::keys::{self, Nature};
use crate::archive::stored::DERIVED;
use crate::error::{Doing, StoreError};
use crate::graph::hours::hour_of;
use crate::graph::write::judged::{Author, Judged, Moment};
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::from_document;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;
use crate::mongo::json;

const LOOKING: &str = "reading events that are judged";
const JUDGING: &str = "judging events";

/// The bytes of events at which no more are read before these are written.
const PART_BYTES: usize = 16 << 20;

/// A judgement of an event by an analyst.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The hash of the raw that tells of it.
    pub raw: Hash,
    /// The organisation that judges. It must be the event's.
    pub orgid: String,
    /// The event.
    pub event: Hash,
    /// The category to set, if any.
    pub category: Option<Category>,
    /// The contexts to set. Each is that of one instance, given by all hashes that it may have in the event.
    pub contexts: Vec<(Vec<Hash>, Category)>,
    /// The time at which the API accepted the judgement, in Unix seconds. The latest one counts.
    pub at: f64,
    /// Who judged.
    pub by: String,
    /// The reason.
    pub reason: String,
}

/// An event as it is stored.
#[derive(Debug, Deserialize)]
struct StoredEvent {
    #[serde(rename = "_hash")]
    hash: Hash,
    itype: String,
    sub_type: String,
    orgid: String,
    timestamp: f64,
    category: String,
    #[serde(deserialize_with = "json::read")]
    data: Value,
    #[serde(rename = "_mal_ref")]
    malicious: Vec<Hash>,
    #[serde(rename = "_ben_ref")]
    benign: Vec<Hash>,
    #[serde(rename = "_keys")]
    keys: Vec<Binary>,
    #[serde(default, rename = "_judged")]
    judged: Option<Bson>,
    /// Whether it is no observation.
    #[serde(default)]
    derived: bool,
}

/// The events of a round: those that were read, and those that wait for the next one.
struct Round {
    read: BTreeMap<Hash, StoredEvent>,
    later: BTreeSet<Hash>,
}

impl GraphWriter {
    /// Sets category and contexts of events. A judgement that was applied before, or is older than another one of the same
    /// thing, changes nothing. Returns for each the reason why it cannot be applied, in the order of the judgements.
    pub async fn judge(
        &self,
        judgements: &[Judgement],
    ) -> Result<Vec<Result<(), String>>, StoreError> {
        let missing = || {
            Err("field _hash: the organisation has no such event; a new version of a filter may have replaced it".to_owned())
        };
        let mut results = vec![missing(); judgements.len()];
        let mut of_event: BTreeMap<Hash, Vec<usize>> = BTreeMap::new();
        for (n, judgement) in judgements.iter().enumerate() {
            of_event.entry(judgement.event).or_default().push(n);
        }
        let events = of_event.keys().copied().collect();
        let judged = |event: &Event, derived: bool| {
            let mut all = Judged::default();
            for &n in of_event.get(&event.hash()).into_iter().flatten() {
                results[n] = match &judgements[n] {
                    one if one.orgid != event.orgid().as_str() => missing(),
                    _ if derived => Err("field _hash: the event is no observation".to_owned()),
                    one => one.settings(event).map(|set| all.merge(&set)),
                };
            }
            all
        };
        let stored = self.settle(events, judged).await?;
        for (event, judged) in &of_event {
            if !stored.contains(event) {
                judged.iter().for_each(|&n| results[n] = missing());
            }
        }
        Ok(results)
    }

    /// Merges into each of these events what `judged` returns for it and for whether it is no observation. Returns those
    /// that are stored.
    pub(super) async fn settle(
        &self,
        mut events: BTreeSet<Hash>,
        mut judged: impl FnMut(&Event, bool) -> Judged,
    ) -> Result<BTreeSet<Hash>, StoreError> {
        let mut stored = BTreeSet::new();
        while !events.is_empty() {
            let Round { read, later } = self.read(&events).await?;
            stored.retain(|hash| !events.contains(hash));
            let (mut changes, mut hours) = (Vec::new(), BTreeSet::new());
            for (hash, event) in &read {
                stored.insert(*hash);
                if let Some(change) = event.change(&mut judged)? {
                    changes.push(change);
                    hours.insert(hour_of(event.timestamp));
                }
            }
            let note = self.events.open(&hours).await?;
            let updated = bulk::update(&self.coll, &changes, JUDGING).await?;
            self.events.close(note).await?;
            let changed = updated.whole(JUDGING)?.matched == changes.len() as u64;
            if changed {
                events = later;
            }
            // else some of them are others than were read, or gone: all are looked at again
        }
        Ok(stored)
    }

    /// Reads events in the order of their hashes, until they are as large as a round may be.
    async fn read(&self, events: &BTreeSet<Hash>) -> Result<Round, StoreError> {
        let asked: Vec<Hash> = events.iter().copied().take(ASK).collect();
        let mut rows = judgeable(&asked).rows(&self.coll).await?;
        let (mut read, mut bytes) = (BTreeMap::new(), 0);
        let mut last = asked.last().copied();
        while let Some(document) = rows.next().await? {
            bytes += document.as_bytes().len();
            let event: StoredEvent = match from_document(&document) {
                Ok(event) => event,
                Err(reason) => {
                    tracing::warn!(reason, "an event cannot be judged");
                    continue;
                }
            };
            let hash = event.hash;
            read.insert(hash, event);
            if bytes >= PART_BYTES {
                last = Some(hash);
                break;
            }
        }
        let after = |hash: &&Hash| last.is_some_and(|last| **hash > last);
        Ok(Round {
            read,
            later: events.iter().filter(after).copied().collect(),
        })
    }
}

impl Judgement {
    /// Returns what is set in this event, or the reason why that is impossible.
    fn settings(&self, event: &Event) -> Result<Judged, String> {
        let refs = event.children().refs();
        let mut contexts = Vec::new();
        for (n, (forms, context)) in self.contexts.iter().enumerate() {
            let before = contexts.len();
            let there = forms.iter().filter(|form| refs.binary_search(form).is_ok());
            contexts.extend(there.map(|form| (*form, *context)));
            if contexts.len() == before {
                return Err(format!("field context[{n}]: is not in the event"));
            }
        }
        let author = Author {
            by: self.by.clone(),
            reason: self.reason.clone(),
            moment: Moment {
                at: self.at,
                raw: self.raw,
            },
        };
        Ok(Judged::once(self.category, contexts, author))
    }
}

impl StoredEvent {
    /// Makes the update of the event, if what `judged` returns for it changes it.
    fn change(
        &self,
        judged: &mut impl FnMut(&Event, bool) -> Judged,
    ) -> Result<Option<Update>, StoreError> {
        let event = match self.event() {
            Ok(event) => event,
            Err(reason) => {
                tracing::warn!(event = %self.hash, reason, "an event cannot be judged");
                return Ok(None);
            }
        };
        let before = self.judged.as_ref().and_then(read).unwrap_or_default();
        let mut after = before.clone();
        after.merge(&judged(&event, self.derived));
        if after == before {
            return Ok(None);
        }
        let wrong = |message: String| StoreError::Write {
            doing: JUDGING,
            code: 0,
            message,
        };
        let event = after.apply(event);
        let event = event.map_err(|error| wrong(error.to_string()))?;
        let unchanged: Vec<Bson> = self.keys.iter().cloned().map(Bson::Binary).collect();
        let org = OrgTag::of(&self.orgid);
        let references: Vec<Bson> = keys::of_event(&event, &org, Nature::Observed).collect();
        // the element that a reference had before differs in the last byte alone
        let renewed: HashSet<&[u8]> = references.iter().filter_map(stem).collect();
        let others = unchanged
            .iter()
            .filter(|key| stem(key).is_none_or(|stem| !renewed.contains(stem)));
        let keys: Vec<Bson> = others.chain(&references).cloned().collect();
        let hashes = |hashes: &[Hash]| -> Vec<Bson> {
            hashes.iter().map(|hash| hash.to_string().into()).collect()
        };
        let judged = bson::serialize_to_bson(&after).doing(JUDGING)?;
        let set = doc! {
            "category": event.category().as_str(), "_mal_ref": hashes(event.malicious()),
            "_ben_ref": hashes(event.benign()), "_keys": keys, "_judged": judged,
        };
        Ok(Some(Update {
            filter: same(self.hash, unchanged, self.judged.as_ref()),
            update: doc! {"$set": set}.into(),
            upsert: false,
        }))
    }

    /// Returns the event that the document describes.
    fn event(&self) -> Result<Event, String> {
        let document = json!({
            "_hash": self.hash, "itype": self.itype, "sub_type": self.sub_type, "orgid": self.orgid,
            "timestamp": self.timestamp, "category": self.category, "data": self.data,
            "_mal_ref": self.malicious, "_ben_ref": self.benign,
        });
        let rebuilt = Instance::rebuild(&document).map_err(|error| error.to_string())?;
        match rebuilt.instance {
            Instance::Event(event) => Ok(event),
            _ => Err("it is no event".to_owned()),
        }
    }
}

/// Returns an element without its last byte, which holds context and category where the element is that of a reference.
fn stem(element: &Bson) -> Option<&[u8]> {
    match element {
        Bson::Binary(Binary { bytes, .. }) => bytes.split_last().map(|(_, stem)| stem),
        _ => None,
    }
}

/// Reads the field `_judged` of an event; `None` if another program wrote it.
pub(super) fn read(judged: &Bson) -> Option<Judged> {
    bson::deserialize_from_bson(judged.clone()).ok()
}

/// Makes the condition of an event that nobody has changed since it was read.
pub(crate) fn same(event: Hash, keys: Vec<Bson>, judged: Option<&Bson>) -> Document {
    let judged = match judged {
        Some(judged) => judged.clone(),
        None => doc! {"$exists": false}.into(),
    };
    doc! {"_id": ids::of_hash(event), "_keys": keys, "_judged": judged}
}

/// Finds events to be judged, by their hashes.
pub(crate) fn judgeable(events: &[Hash]) -> Find {
    let filter = doc! {"_id": {"$in": ids::of_hashes(events)}, "itype": "event"};
    Find::new(LOOKING, ID, filter)
        .project(doc! {
            "_id": 0, "_hash": 1, "itype": 1, "sub_type": 1, "orgid": 1, "timestamp": 1, "category": 1, "data": 1,
            "_mal_ref": 1, "_ben_ref": 1, "_keys": 1, "_judged": 1, (DERIVED): 1,
        })
        .sort(doc! {"_id": 1})
}
