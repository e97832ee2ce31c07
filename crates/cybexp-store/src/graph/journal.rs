//! Journal of the hours whose events change, with which kept counts stay exact.
//!
//! Before a writer changes events, it writes an *open note* of their hours, acknowledged by a majority; once the change is
//! acknowledged, it closes the note. A reader that finds an open note counts its hours by the index each time; when the
//! note is closed it counts them once more, and keeps the result. So no transaction is needed.
//!
//! Each writer has lanes. The notes of a lane are numbered without gaps in the order of writing, at most the last one is
//! open, and the lane's head holds its number. A reader that compares the heads with the ones it saw before knows which
//! notes are new, and reads only those.

use std::collections::{BTreeSet, HashMap};

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use serde::Deserialize;

use crate::error::StoreError;
use crate::mongo::bulk::{self, Update, WRITE_TIME};
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;

const OPENING: &str = "noting the hours of a change";
const CLOSING: &str = "closing a note of hours";
const LOOKING: &str = "looking for changed events";

/// Age in milliseconds at which an open note is one of a dead writer, and counts as closed: the time that the server may
/// work on its writes, and a minute.
const DEAD_MS: i64 = WRITE_TIME.as_millis() as i64 + 60_000;

/// A sequence of notes with a single writer, which writes one after the other.
#[derive(Debug)]
pub(crate) struct Lane {
    id: ObjectId,
    /// The number of notes written.
    n: i64,
}

impl Lane {
    /// Makes a lane that has no notes yet.
    pub(crate) fn new() -> Self {
        Self {
            id: ObjectId::new(),
            n: 0,
        }
    }

    /// Opens a note that events of these hours are about to change. After an error it is unknown whether the note was
    /// written, so the lane must not be used again.
    pub(crate) async fn open(
        &mut self,
        journal: &Documents,
        hours: &BTreeSet<i64>,
    ) -> Result<(), StoreError> {
        self.n += 1;
        let mark = ObjectId::new();
        let hours: Vec<Bson> = hours.iter().copied().map(Bson::from).collect();
        let note = doc! {"hours": {"$literal": hours}, "mark": mark};
        let head = doc! {"n": self.n, "mark": mark, "open": true};
        let id = doc! {"lane": self.id, "n": self.n};
        // the note before the head: a reader that finds the head finds the note
        let updates = [timed(id.into(), note), timed(self.id.into(), head)];
        bulk::update(journal, &updates, OPENING)
            .await?
            .whole(OPENING)?;
        Ok(())
    }

    /// Closes the open note, once the change is acknowledged. A note that was not closed is found to be one of a dead
    /// writer.
    pub(crate) async fn close(&self, journal: &Documents) -> Result<(), StoreError> {
        let head = timed(Bson::from(self.id), doc! {"n": self.n, "open": false});
        bulk::update(journal, &[head], CLOSING)
            .await?
            .whole(CLOSING)?;
        Ok(())
    }
}

/// Makes an update with the server's clock, by which notes expire.
fn timed(id: Bson, mut set: Document) -> Update {
    set.insert("at", "$$NOW");
    Update {
        filter: doc! {"_id": id},
        update: vec![doc! {"$set": set}].into(),
        upsert: true,
    }
}

/// The head of a lane: its last note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Head {
    #[serde(rename = "_id")]
    lane: ObjectId,
    n: i64,
    mark: ObjectId,
    /// Whether the note is open, and its writer may be alive.
    open: bool,
}

impl Head {
    /// The number of the last closed note.
    fn closed(&self) -> i64 {
        self.n - i64::from(self.open)
    }
}

#[derive(Debug, Deserialize)]
struct StoredNote {
    mark: ObjectId,
    hours: Vec<i64>,
}

/// The head of a lane at the last look, with the hours of its note if it is open.
#[derive(Debug)]
struct SeenLane {
    head: Head,
    open_hours: Vec<i64>,
}

/// All lanes at the last look.
#[derive(Debug, Default)]
pub(crate) struct Seen(Option<HashMap<ObjectId, SeenLane>>);

/// Changes since the last look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Events changed, or may be changing now, in these hours.
    Hours(BTreeSet<i64>),
    /// Notes are missing, so there may be changes in any hour.
    Anything,
}

impl Seen {
    /// Reads the changes since the last look, and the hours that may be changing now.
    pub(crate) async fn look(&mut self, journal: &Documents) -> Result<News, StoreError> {
        let heads: Vec<Head> = heads().read(journal).await?;
        let first = self.0.is_none();
        let lanes = self.0.get_or_insert_default();
        let mut hours = BTreeSet::new();
        let mut whole = !first;
        for head in heads {
            let seen = lanes.get(&head.lane);
            if let Some(seen) = seen
                && seen.head == head
            {
                hours.extend(&seen.open_hours);
                continue;
            }
            // at the first look all closed notes are of the past
            let before = match seen {
                Some(seen) => seen.head.closed(),
                None if first => head.closed(),
                None => 0,
            };
            // the last note of the last look is read again: it must be unchanged
            let from = seen.map_or(before + 1, |seen| seen.head.n.min(before + 1).max(1));
            let notes: Vec<StoredNote> = match from > head.n {
                true => Vec::new(),
                false => notes(head.lane, from, head.n).read(journal).await?,
            };
            let gapless = notes.len() as i64 == (head.n - from + 1).max(0);
            let same = seen.is_none_or(|seen| {
                let at = usize::try_from(seen.head.n - from);
                at.ok()
                    .and_then(|at| notes.get(at))
                    .is_none_or(|note| note.mark == seen.head.mark)
            });
            let ends_here = notes.last().is_none_or(|note| note.mark == head.mark);
            whole &= gapless && same && ends_here;
            let open_hours = match (head.open, notes.last()) {
                (true, Some(note)) => note.hours.clone(),
                _ => Vec::new(),
            };
            hours.extend(notes.into_iter().flat_map(|note| note.hours));
            lanes.insert(head.lane, SeenLane { head, open_hours });
        }
        Ok(match whole {
            true => News::Hours(hours),
            false => News::Anything,
        })
    }
}

/// Finds the heads of all lanes that were written to within a day.
pub(crate) fn heads() -> Find {
    let (least, most) = (
        ObjectId::from_bytes([0; 12]),
        ObjectId::from_bytes([255; 12]),
    );
    let filter = doc! {"_id": {"$gte": least, "$lte": most}};
    let alive = doc! {"$gt": [{"$add": ["$at", DEAD_MS]}, "$$NOW"]};
    let open = doc! {"$and": ["$open", alive]};
    Find::new(LOOKING, ID, filter).project(doc! {"n": 1, "mark": 1, "open": open})
}

/// Finds the notes of a lane between two numbers, both included.
pub(crate) fn notes(lane: ObjectId, from: i64, to: i64) -> Find {
    let id = |n: i64| doc! {"lane": lane, "n": n};
    let filter = doc! {"_id": {"$gte": id(from), "$lte": id(to)}};
    Find::new(LOOKING, ID, filter)
        .project(doc! {"_id": 0, "mark": 1, "hours": 1})
        .sort(doc! {"_id": 1})
}
