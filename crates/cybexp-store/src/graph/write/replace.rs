//! Replacing what an earlier version of a filter made of raws.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bson::{Bson, Document, doc};
use serde::Deserialize;
use tahoe_core::{Event, Hash};

use crate::archive::ids::{self, RawId, binary};
use crate::archive::keys::{self, LEAST_TIE};
use crate::error::StoreError;
use crate::graph::hours::hour_of;
use crate::graph::write::judge;
use crate::graph::write::judged::Judged;
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk::{self, Update};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::EVENT_KEYS;

const LOOKING: &str = "reading the events made of raws";
const REMOVING: &str = "removing events that no raw makes";
const LEAVING: &str = "taking raws from events";

/// Raws whose events are looked up together.
const RAWS: usize = 200;

/// A raw that a new version of a filter has read, with the hashes of all that it made.
#[derive(Debug)]
pub struct Remade<'a> {
    /// The raw.
    pub raw: RawId,
    /// The time at which it was accepted, in Unix seconds.
    pub accepted: f64,
    /// Hashes of the instances that the new version made.
    pub made: &'a [Hash],
}

/// An event that was made of a raw.
#[derive(Debug, Deserialize)]
struct Made {
    #[serde(rename = "_hash")]
    hash: Hash,
    sub_type: String,
    timestamp: f64,
    #[serde(rename = "_keys")]
    keys: Vec<bson::Binary>,
    #[serde(default, rename = "_judged")]
    judged: Option<Bson>,
}

impl GraphWriter {
    /// Removes the events that a filter, given by its name without a version, made of these raws before and does not
    /// make any more. An event that another raw or another filter makes, too, stays. What an analyst judged moves to the
    /// event of the same sub_type and time that the filter makes of the raw now, if there is exactly one; else the judged
    /// event stays. Returns the number of removed events.
    pub async fn replace(&self, filter: &str, remade: &[Remade<'_>]) -> Result<u64, StoreError> {
        let mut removed = 0;
        for part in remade.chunks(RAWS) {
            loop {
                let (gone, tried) = self.replace_part(filter, part).await?;
                removed += gone;
                if gone == tried {
                    break;
                }
                // the others got a raw in the meantime, or are gone
            }
        }
        Ok(removed)
    }

    /// Returns the number of removed events, and of those that were to be removed.
    async fn replace_part(
        &self,
        filter: &str,
        part: &[Remade<'_>],
    ) -> Result<(u64, u64), StoreError> {
        let mut made: HashMap<Vec<u8>, HashSet<Hash>> = HashMap::new();
        for remade in part {
            let element = keys::of_raw(&remade.raw, remade.accepted, filter).to_vec();
            made.entry(element).or_default().extend(remade.made);
        }
        let (mut left, mut gone) = (Vec::new(), Vec::new());
        let mut moved: BTreeMap<Hash, Judged> = BTreeMap::new();
        let mut hours = BTreeSet::new();
        let elements: Vec<Bson> = made.keys().cloned().map(binary).collect();
        let events: Vec<Made> = made_of(&elements).read(&self.coll).await?;
        for event in &events {
            let (mut makes, mut leaves) = (0, Vec::new());
            for key in event.keys.iter().map(|key| &key.bytes) {
                match made.get(key) {
                    Some(made) if !made.contains(&event.hash) => leaves.push(binary(key.clone())),
                    _ => makes += usize::from(keys::is_of_raw(key)),
                }
            }
            if leaves.is_empty() {
                continue;
            }
            let heir = match (makes, &event.judged) {
                (0, Some(judged)) => event.heir(&events, &made).zip(judge::read(judged)),
                _ => None,
            };
            if makes > 0 || (event.judged.is_some() && heir.is_none()) {
                left.push(leave(event.hash, &leaves));
                continue;
            }
            if let Some((heir, judged)) = heir {
                moved.entry(heir).or_default().merge(&judged);
            }
            hours.insert(hour_of(event.timestamp));
            // only if no other raw was added in the meantime, and nobody judged it
            let unchanged = event.keys.iter().cloned().map(Bson::Binary).collect();
            gone.push(judge::same(event.hash, unchanged, event.judged.as_ref()));
        }
        // before the events go whose judgements these are: if this process dies in between, it is done again
        let heirs: BTreeSet<Hash> = moved.keys().copied().collect();
        let of_heir = |event: &Event, _| moved.get(&event.hash()).cloned().unwrap_or_default();
        if self.settle(heirs.clone(), of_heir).await? != heirs {
            // another worker removed one of them in the meantime
            return Ok((0, gone.len() as u64));
        }
        bulk::update(&self.coll, &left, LEAVING)
            .await?
            .whole(LEAVING)?;
        let note = self.events.open(&hours).await?;
        let removed = bulk::delete(&self.coll, &gone, REMOVING).await?;
        self.events.close(note).await?;
        Ok((removed, gone.len() as u64))
    }
}

impl Made {
    /// Returns the only event of the same sub_type and time that the raws of this event make now.
    fn heir(&self, events: &[Self], made: &HashMap<Vec<u8>, HashSet<Hash>>) -> Option<Hash> {
        let raws: Vec<&[u8]> = self
            .elements()
            .filter(|key| made.contains_key(*key))
            .collect();
        let mut heirs = events.iter().filter(|event| {
            event.sub_type == self.sub_type
                && event.timestamp == self.timestamp
                && event.elements().any(|key| {
                    raws.contains(&key)
                        && made.get(key).is_some_and(|made| made.contains(&event.hash))
                })
        });
        let first = heirs.next()?;
        heirs.next().is_none().then_some(first.hash)
    }

    fn elements(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.iter().map(|key| key.bytes.as_slice())
    }
}

/// Finds the events that have one of these raw elements.
pub(crate) fn made_of(elements: &[Bson]) -> Find {
    debug_assert!(elements.len() <= ASK);
    let filter = doc! {"_keys": {"$in": elements}, "_tie": {"$gte": LEAST_TIE}};
    Find::new(LOOKING, EVENT_KEYS, filter).project(
        doc! {"_id": 0, "_hash": 1, "sub_type": 1, "timestamp": 1, "_keys": 1, "_judged": 1},
    )
}

fn leave(event: Hash, elements: &[Bson]) -> Update {
    let pull: Document = doc! {"$pullAll": {"_keys": elements}};
    Update {
        filter: doc! {"_id": ids::of_hash(event)},
        update: pull.into(),
        upsert: false,
    }
}
