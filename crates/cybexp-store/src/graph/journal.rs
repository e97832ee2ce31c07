//! Journal of the hours that got new events, with which stored counts are kept exact.
//!
//! Events are written in transactions that also note their hours, so a reader that sees the events sees the note. Each
//! writer has lanes. The notes of a lane are numbered without gaps in the order of writing, and the lane's head holds
//! the last number. A reader that compares the heads with the ones it saw before knows which notes are new, and reads
//! only those.

use std::collections::{BTreeSet, HashMap};

use bson::oid::ObjectId;
use bson::{Bson, doc};
use futures::{FutureExt, future::BoxFuture};
use mongodb::ClientSession;
use mongodb::error::Error;
use serde::Deserialize;

use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;

const NOTING: &str = "noting the hours of new events";

/// A sequence of notes with a single writer, which writes one after the other.
#[derive(Debug)]
pub(crate) struct Lane {
    id: ObjectId,
    /// The number of notes written.
    n: i64,
    /// Mark of the last note. After a fail-over that undid the note, another note with its number has another mark.
    mark: ObjectId,
}

impl Lane {
    pub(crate) fn new() -> Self {
        Self {
            id: ObjectId::new(),
            n: 0,
            mark: ObjectId::new(),
        }
    }

    /// Makes the next note, for events of these hours.
    pub(crate) fn next(&self, hours: &BTreeSet<i64>) -> Note {
        Note {
            lane: self.id,
            n: self.n + 1,
            mark: ObjectId::new(),
            hours: hours.iter().copied().map(Bson::from).collect(),
        }
    }

    /// Records that the note was written.
    pub(crate) fn written(&mut self, note: &Note) {
        (self.n, self.mark) = (note.n, note.mark);
    }
}

/// A note that events were written.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    lane: ObjectId,
    n: i64,
    mark: ObjectId,
    hours: Vec<Bson>,
}

impl Note {
    /// Writes the note, in the transaction that writes the events.
    pub(crate) fn write<'a>(
        &'a self,
        journal: &'a Documents,
        session: &'a mut ClientSession,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let id = doc! {"lane": self.lane, "n": self.n};
            // the server's clock, by which notes expire
            let note = doc! {"hours": {"$literal": &self.hours}, "mark": self.mark, "at": "$$NOW"};
            let head = doc! {"n": self.n, "mark": self.mark, "at": "$$NOW"};
            for (id, set) in [(Bson::from(id), note), (Bson::from(self.lane), head)] {
                let noting = journal.named(NOTING);
                let write = noting.update_one(doc! {"_id": id}, vec![doc! {"$set": set}]);
                write.part().upsert(true).session(&mut *session).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

/// The head of a lane: its last note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Head {
    #[serde(rename = "_id")]
    lane: ObjectId,
    n: i64,
    mark: ObjectId,
}

#[derive(Debug, Deserialize)]
struct StoredNote {
    mark: ObjectId,
    hours: Vec<i64>,
}

/// The heads of all lanes at the last look.
#[derive(Debug, Default)]
pub(crate) struct Seen(Option<HashMap<ObjectId, Head>>);

/// Changes since the last look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Events were written in these hours.
    Hours(BTreeSet<i64>),
    /// Notes are missing, so there may be events in any hour.
    Anything,
}

impl Seen {
    /// Reads the changes since the last look.
    pub(crate) async fn look(&mut self, journal: &Documents) -> Result<News, StoreError> {
        let heads: Vec<Head> = heads().read(journal).await?;
        let Some(lanes) = &mut self.0 else {
            let heads = heads.into_iter().map(|head| (head.lane, head));
            self.0 = Some(heads.collect());
            return Ok(News::Anything);
        };
        let mut hours = BTreeSet::new();
        let mut whole = true;
        for head in heads {
            let seen = lanes.get(&head.lane);
            if seen == Some(&head) {
                continue;
            }
            let since = seen.map_or(0, |seen| seen.n);
            // read the last note that was seen again: it must be unchanged
            let find = notes(head.lane, since.max(1), head.n);
            let notes: Vec<StoredNote> = find.read(journal).await?;
            let gapless = notes.len() as i64 == head.n - since.max(1) + 1;
            let same = seen.is_none_or(|seen| notes.first().is_some_and(|n| n.mark == seen.mark));
            let ends_here = notes.last().is_some_and(|note| note.mark == head.mark);
            whole &= gapless && same && ends_here;
            let new = notes.into_iter().skip(usize::from(seen.is_some()));
            hours.extend(new.flat_map(|note| note.hours));
            lanes.insert(head.lane, head);
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
    Find::new("looking for new events", ID, filter).project(doc! {"n": 1, "mark": 1})
}

/// Finds the notes of a lane between two numbers, both included.
pub(crate) fn notes(lane: ObjectId, from: i64, to: i64) -> Find {
    let id = |n: i64| doc! {"lane": lane, "n": n};
    let filter = doc! {"_id": {"$gte": id(from), "$lte": id(to)}};
    Find::new("looking for new events", ID, filter)
        .project(doc! {"_id": 0, "mark": 1, "hours": 1})
        .sort(doc! {"_id": 1})
}
