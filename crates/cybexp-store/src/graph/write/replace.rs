//! Replacing what an earlier version of a filter made of raws.

use std::collections::{BTreeMap, BTreeSet};

use bson::{Bson, Document, doc};
use tahoe_core::{Event, Hash};

use crate::archive::ids::{self, RawId, binary};
use crate::archive::keys::{self, LEAST_TIE};
use crate::error::StoreError;
use crate::graph::write::heirs::{Heirs, MadeBy};
use crate::graph::write::judge;
use crate::graph::write::judged::Judged;
use crate::graph::write::remove::{self, Removable};
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk::{self, COMMAND_DOCUMENTS, Update};
use crate::mongo::collection::{Documents, from_document};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::EVENT_KEYS;
use crate::mongo::operation::Rows;
use crate::mongo::row::LeftOut;

const LOOKING: &str = "reading the events made of raws";
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

/// The fate of events that an analyst has judged, and that no raw makes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JudgedEvents {
    Stay,
    #[cfg_attr(
        not(feature = "inspect"),
        expect(dead_code, reason = "a person's tool removes them")
    )]
    Go,
}

/// Bytes of events that are looked at together.
const TOGETHER_BYTES: usize = 4 << 20;

impl GraphWriter {
    /// Removes the events that a filter, given by its name without a version, made of these raws before and does not
    /// make any more. An event that another raw or another filter makes, too, stays. What an analyst judged moves to the
    /// event of the same sub_type and time that the filter makes of the raw now, if there is exactly one; else the judged
    /// event stays. Returns the number of removed events.
    pub async fn replace(&self, filter: &str, remade: &[Remade<'_>]) -> Result<u64, StoreError> {
        self.replace_or(filter, remade, JudgedEvents::Stay).await
    }

    /// Removes events as [`GraphWriter::replace`] does, and those that an analyst has judged stay or go.
    pub(crate) async fn replace_or(
        &self,
        filter: &str,
        remade: &[Remade<'_>],
        fate: JudgedEvents,
    ) -> Result<u64, StoreError> {
        let mut removed = 0;
        for part in remade.chunks(RAWS) {
            loop {
                let (gone, tried) = self.replace_part(filter, part, fate).await?;
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
        fate: JudgedEvents,
    ) -> Result<(u64, u64), StoreError> {
        let mut made = MadeBy::new();
        for remade in part {
            let element = keys::of_raw(&remade.raw, remade.accepted, filter).to_vec();
            made.entry(element).or_default().extend(remade.made);
        }
        let elements: Vec<Bson> = made.keys().cloned().map(binary).collect();
        let (mut gone, mut tried) = (0, 0);
        let mut judged = Vec::new();
        let mut rows = EventRows::of(&elements, &self.coll).await?;
        // a raw may have made hundreds of thousands
        while let Some(events) = rows.next().await? {
            let (mut left, mut removable) = (Vec::new(), Vec::new());
            for event in events {
                let Some((makes, leaves)) = leaves(&event, &made) else {
                    continue;
                };
                if makes {
                    left.push(leave(event.hash, &leaves));
                } else if event.judged.is_some() && fate == JudgedEvents::Stay {
                    judged.push(event);
                } else {
                    removable.push(event);
                }
            }
            self.leave(&left).await?;
            gone += self.remove(&removable).await?;
            tried += removable.len() as u64;
        }
        if !judged.is_empty() {
            let (removed, removable) = self.bequeath(&made, judged).await?;
            (gone, tried) = (gone + removed, tried + removable);
        }
        Ok((gone, tried))
    }

    /// Moves the judgements of events that no raw makes any more to their heirs, and removes the events. Those without an
    /// heir stay, and name these raws no more.
    async fn bequeath(
        &self,
        made: &MadeBy,
        judged: Vec<Removable>,
    ) -> Result<(u64, u64), StoreError> {
        let keys = judged.iter().flat_map(|event| &event.keys);
        let elements: BTreeSet<&[u8]> = keys
            .map(|key| key.bytes.as_slice())
            .filter(|key| made.contains_key(*key))
            .collect();
        let elements: Vec<Bson> = elements.into_iter().map(binary).collect();
        let mut heirs = Heirs::of(&judged, made);
        let mut rows = EventRows::of(&elements, &self.coll).await?;
        while let Some(events) = rows.next().await? {
            events.iter().for_each(|event| heirs.look(event));
        }
        let (mut left, mut gone) = (Vec::new(), Vec::new());
        let mut moved: BTreeMap<Hash, Judged> = BTreeMap::new();
        for event in judged {
            let read = event.judged.as_ref().and_then(judge::read);
            match heirs.heir(&event).zip(read) {
                Some((heir, judged)) => {
                    moved.entry(heir).or_default().merge(&judged);
                    gone.push(event);
                }
                None => {
                    left.extend(leaves(&event, made).map(|(_, all)| leave(event.hash, &all)));
                }
            }
        }
        // before the events go whose judgements these are: if this process dies in between, it is done again
        let heirs: BTreeSet<Hash> = moved.keys().copied().collect();
        let of_heir = |event: &Event, _| moved.get(&event.hash()).cloned().unwrap_or_default();
        if self.settle(heirs.clone(), of_heir).await? != heirs {
            // another worker removed one of them in the meantime
            return Ok((0, gone.len() as u64));
        }
        self.leave(&left).await?;
        Ok((self.remove(&gone).await?, gone.len() as u64))
    }

    async fn leave(&self, events: &[Update]) -> Result<(), StoreError> {
        let left = bulk::update(&self.coll, events, LEAVING).await?;
        left.whole(LEAVING).map(drop)
    }
}

/// The events that have one of some raw elements, some at a time.
struct EventRows {
    rows: Rows,
    left_out: LeftOut,
}

impl EventRows {
    async fn of(elements: &[Bson], coll: &Documents) -> Result<Self, StoreError> {
        let find = made_of(elements);
        let left_out = LeftOut::new(find.doing);
        let rows = find.rows(coll).await?;
        Ok(Self { rows, left_out })
    }

    /// Returns the next events; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<Removable>>, StoreError> {
        let (mut events, mut bytes, mut any) = (Vec::new(), 0, false);
        while bytes < TOGETHER_BYTES
            && events.len() < COMMAND_DOCUMENTS
            && let Some(row) = self.rows.next().await?
        {
            any = true;
            bytes += row.as_bytes().len();
            match from_document::<Removable>(&row) {
                Ok(event) => events.push(event),
                Err(reason) => self.left_out.add(&row, &reason),
            }
        }
        Ok(any.then_some(events))
    }
}

/// Returns whether a raw makes an event still, and the elements of those that do not; `None` if there are none.
fn leaves(event: &Removable, made: &MadeBy) -> Option<(bool, Vec<Bson>)> {
    let (mut makes, mut leaves) = (false, Vec::new());
    for key in event.keys.iter().map(|key| &key.bytes) {
        match made.get(key) {
            Some(made) if !made.contains(&event.hash) => leaves.push(binary(key.clone())),
            _ => makes |= keys::is_of_raw(key),
        }
    }
    (!leaves.is_empty()).then_some((makes, leaves))
}

/// Finds the events that have one of these raw elements.
pub(crate) fn made_of(elements: &[Bson]) -> Find {
    debug_assert!(elements.len() <= ASK);
    let filter = doc! {"_keys": {"$in": elements}, "_tie": {"$gte": LEAST_TIE}};
    Find::new(LOOKING, EVENT_KEYS, filter).project(remove::fields())
}

fn leave(event: Hash, elements: &[Bson]) -> Update {
    let pull: Document = doc! {"$pullAll": {"_keys": elements}};
    Update {
        filter: doc! {"_id": ids::of_hash(event)},
        update: pull.into(),
        upsert: false,
    }
}
