//! Values of events that were removed.
//!
//! A removal does not tell of which values. But whoever removes events has noted before what these name, for the sweep
//! (`sweep/rows.rs`), and the notes stand for a minute at least.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bson::{DateTime, doc};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::GOING_AT;

/// The kind of these notes.
const CANDIDATE: i32 = 2;
/// The most notes of one look.
const NOTES: i64 = 20_000;
/// The time that a note may be older than the removal that follows it: the server works on a removal for so long.
const BEFORE: Duration = Duration::from_secs(35);
/// The least time between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// Follows the notes.
#[derive(Debug, Default)]
pub(crate) struct RemovedValues {
    /// Whether there were removals since the last look.
    pending: bool,
    looked: Option<Instant>,
    /// The time of the last note that was read.
    upto: Option<DateTime>,
}

#[derive(Debug, Deserialize)]
struct Note {
    #[serde(rename = "_id")]
    id: bson::Binary,
    at: DateTime,
}

impl RemovedValues {
    /// Events were removed.
    pub(crate) fn happened(&mut self) {
        self.pending = true;
    }

    /// Returns hashes of what events named that were removed since the last look, if it is time for one.
    pub(crate) async fn next(&mut self, going: &Documents) -> Result<BTreeSet<Hash>, StoreError> {
        if !self.pending || self.looked.is_some_and(|at| at.elapsed() < PAUSE) {
            return Ok(BTreeSet::new());
        }
        let began = Instant::now();
        let notes: Vec<Note> = since(self.upto).read(going).await?;
        // all of them are there only if there were fewer than asked for
        self.pending = notes.len() as i64 == NOTES;
        let last = notes.iter().map(|note| note.at).max();
        if let Some(last) = last {
            let before = BEFORE.as_millis() as i64;
            let from = DateTime::from_millis(last.timestamp_millis() - before);
            self.upto = match self.pending {
                true => Some(last),
                false => self.upto.max(Some(from)),
            };
        }
        self.looked = Some(began);
        let hashes = notes.iter().filter_map(|note| {
            let bytes = note.id.bytes.get(..32)?;
            // those of sessions are longer
            (note.id.bytes.len() == 48).then(|| bytes.try_into().ok().map(Hash::from_bytes))?
        });
        Ok(hashes.collect())
    }
}

/// Finds the notes since this time, oldest first; those of the last minutes if it is not given.
pub(crate) fn since(at: Option<DateTime>) -> Find {
    let filter = match at {
        Some(at) => doc! {"kind": CANDIDATE, "at": {"$gte": at}},
        None => {
            let recent = doc! {"$gte": ["$at", {"$subtract": ["$$NOW", 120_000_i64]}]};
            doc! {"kind": CANDIDATE, "$expr": recent}
        }
    };
    Find::new("looking for values of removed events", GOING_AT, filter)
        .project(doc! {"_id": 1, "at": 1})
        .sort(doc! {"at": 1})
        .limit(NOTES)
}
