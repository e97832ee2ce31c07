//! Replacing what an earlier version of a filter made of raws.

use std::collections::{HashMap, HashSet};

use bson::{Bson, Document, doc};
use tahoe_core::Hash;

use crate::archive::ids::{self, RawId, binary};
use crate::archive::keys::{self, LEAST_TIE};
use crate::error::StoreError;
use crate::graph::write::remove::{self, Removable};
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk::{self, COMMAND_DOCUMENTS, Update};
use crate::mongo::collection::from_document;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::EVENT_KEYS;
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
    /// Hashes of the instances that the new version made.
    pub made: &'a [Hash],
}

/// The fate of events that an analyst has judged, and that no raw makes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    Stay,
    #[cfg_attr(
        not(feature = "inspect"),
        expect(dead_code, reason = "a person's tool removes them")
    )]
    Go,
}

/// Bytes of events that are looked at together.
const TOGETHER_BYTES: usize = 4 << 20;

/// What a part of raws makes: the hashes, by the raw's element.
type MadeBy = HashMap<Vec<u8>, HashSet<Hash>>;

impl GraphWriter {
    /// Removes the events that a filter, given by its name without a version, made of these raws before and does not
    /// make any more. An event that another raw or another filter makes, too, stays, and so does one that an analyst has
    /// judged. Returns the number of removed events.
    pub async fn replace(&self, filter: &str, remade: &[Remade<'_>]) -> Result<u64, StoreError> {
        self.replace_or(filter, remade, Judged::Stay).await
    }

    /// Removes events as [`GraphWriter::replace`] does, and those that an analyst has judged stay or go.
    pub(crate) async fn replace_or(
        &self,
        filter: &str,
        remade: &[Remade<'_>],
        judged: Judged,
    ) -> Result<u64, StoreError> {
        let mut removed = 0;
        for part in remade.chunks(RAWS) {
            loop {
                let (gone, tried) = self.replace_part(filter, part, judged).await?;
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
        judged: Judged,
    ) -> Result<(u64, u64), StoreError> {
        let mut made = MadeBy::new();
        for remade in part {
            let element = keys::of_raw(&remade.raw, filter).to_vec();
            made.entry(element).or_default().extend(remade.made);
        }
        let elements: Vec<Bson> = made.keys().cloned().map(binary).collect();
        let find = made_of(&elements);
        let mut left_out = LeftOut::new(find.doing);
        let mut rows = find.rows(&self.coll).await?;
        let (mut gone, mut tried) = (0, 0);
        let (mut events, mut bytes) = (Vec::new(), 0);
        loop {
            let row = rows.next().await?;
            if let Some(row) = &row {
                bytes += row.as_bytes().len();
                match from_document::<Removable>(row) {
                    Ok(event) => events.push(event),
                    Err(reason) => left_out.add(row, &reason),
                }
            }
            // a raw may have made hundreds of thousands
            if row.is_none() || bytes >= TOGETHER_BYTES || events.len() >= COMMAND_DOCUMENTS {
                let (removed, removable) = self.leave_or_remove(&made, &mut events, judged).await?;
                (gone, tried, bytes) = (gone + removed, tried + removable, 0);
            }
            if row.is_none() {
                return Ok((gone, tried));
            }
        }
    }

    /// Takes from these events the raws that make them no more, and removes those that no raw makes. Empties the list.
    async fn leave_or_remove(
        &self,
        made: &MadeBy,
        events: &mut Vec<Removable>,
        judged: Judged,
    ) -> Result<(u64, u64), StoreError> {
        let (mut left, mut gone) = (Vec::new(), Vec::new());
        for event in events.drain(..) {
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
            if makes > 0 || (event.judged.is_some() && judged == Judged::Stay) {
                left.push(leave(event.hash, &leaves));
                continue;
            }
            gone.push(event);
        }
        bulk::update(&self.coll, &left, LEAVING)
            .await?
            .whole(LEAVING)?;
        Ok((self.remove(&gone).await?, gone.len() as u64))
    }
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
