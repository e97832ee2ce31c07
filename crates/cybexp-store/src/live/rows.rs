//! Rows of new events, and whether anybody listens to them.
//!
//! Rows are kept for an hour. Where nobody listens none is written, so the standing tells since when somebody has: a
//! listener who comes back with an id from before that has missed events.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, ReturnDocument, WriteConcern};
use serde::Deserialize;

use crate::error::{Doing, StoreError};
use crate::mongo::collection::{Documents, from_document};
use crate::mongo::find::Find;
use crate::mongo::indexes::{self, ID};
use crate::mongo::server::Server;

/// Time for which one notice that somebody listens is good. It is longer than a listener takes to come back.
const LISTENS: Duration = Duration::from_secs(300);
/// Time within which writers learn that somebody listens: what they know of it is never older.
pub const HEARD_WITHIN: Duration = Duration::from_millis(250);
/// The most bytes of a row. Larger ones are not ours.
pub(super) const ROW_BYTES: i64 = 256 << 10;
/// Row that tells whether anybody listens. It has no `at`, so it does not expire.
const STANDING: &str = "*listens";
/// Clocks of the machines of writers differ by this many seconds at most.
const MARGIN_S: u32 = 2;

const WRITING: &str = "writing rows of new events";

/// Rows of new events: `report_db.live`; cheap to clone.
#[derive(Debug, Clone)]
pub struct Live {
    pub(crate) coll: Documents,
}

/// The identity of a row. As text it is 24 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LiveId(pub(super) ObjectId);

impl LiveId {
    /// Makes a new one.
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        Self(ObjectId::new())
    }

    /// Returns its bytes.
    pub fn bytes(&self) -> [u8; 12] {
        self.0.bytes()
    }

    /// Returns the time at which it was made, in Unix seconds.
    pub fn seconds(&self) -> f64 {
        f64::from(self.seconds_u32())
    }

    fn seconds_u32(&self) -> u32 {
        let [a, b, c, d, ..] = self.0.bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Whether the same process made `other`, and this one before it or at once.
    pub fn is_before(&self, other: &Self) -> bool {
        self.bytes()[4..9] == other.bytes()[4..9] && self <= other
    }

    /// Returns the least identity that another process may have made when this one was made.
    fn margin(&self) -> ObjectId {
        let mut bytes = [0; 12];
        let seconds = self.seconds_u32().saturating_sub(MARGIN_S);
        bytes[..4].copy_from_slice(&seconds.to_be_bytes());
        ObjectId::from_bytes(bytes)
    }
}

impl fmt::Display for LiveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

/// A text that is no identity of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a row of new events")]
pub struct InvalidLiveId;

impl FromStr for LiveId {
    type Err = InvalidLiveId;

    fn from_str(text: &str) -> Result<Self, InvalidLiveId> {
        ObjectId::parse_str(text)
            .map(Self)
            .map_err(|_| InvalidLiveId)
    }
}

/// New events of one organisation and batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRow {
    /// The row's identity.
    pub id: LiveId,
    /// The organisation.
    pub orgid: String,
    /// A JSON list of events.
    pub events: String,
    /// The number of further events of the batch.
    pub more: u64,
    /// The authentication code over identity, organisation and events.
    pub mac: String,
}

#[derive(Deserialize)]
pub(super) struct Stored {
    _id: ObjectId,
    orgid: String,
    events: String,
    #[serde(default)]
    more: i64,
    mac: String,
}

impl From<Stored> for LiveRow {
    fn from(row: Stored) -> Self {
        Self {
            id: LiveId(row._id),
            orgid: row.orgid,
            events: row.events,
            more: row.more.unsigned_abs(),
            mac: row.mac,
        }
    }
}

/// Whether anybody listens to new events.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LiveStanding {
    /// Whether somebody does.
    pub is_heard: bool,
    /// Since when somebody has without a pause, and every writer knows of it, in Unix seconds.
    pub since: f64,
}

#[derive(Deserialize)]
struct StoredStanding {
    since: bson::DateTime,
    #[serde(default)]
    heard: bool,
}

impl StoredStanding {
    fn told(&self) -> LiveStanding {
        LiveStanding {
            is_heard: self.heard,
            since: self.since.timestamp_millis() as f64 / 1000.0,
        }
    }
}

impl Live {
    /// Opens the collection and makes its indexes.
    ///
    /// # Errors
    /// The server does not answer, or refuses an index.
    pub async fn open(server: &Server, db: &str) -> Result<Self, StoreError> {
        let coll = server.collection(db, "live");
        indexes::ensure(&coll, &indexes::live()).await?;
        Ok(Self { coll })
    }

    /// Writes rows. They are not waited for by a majority: what a server that dies forgets was news of an hour at most.
    pub async fn write(&self, rows: &[LiveRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let at = bson::DateTime::now();
        let mut documents = Vec::with_capacity(rows.len());
        for row in rows {
            let row = doc! {
                "_id": row.id.0, "at": at, "orgid": &row.orgid, "events": &row.events,
                "more": i64::try_from(row.more).unwrap_or(i64::MAX), "mac": &row.mac,
            };
            documents.push(RawDocumentBuf::try_from(&row).doing(WRITING)?);
        }
        let insert = self.coll.named(WRITING).insert_many(documents);
        let insert =
            insert.with(|insert| insert.write_concern(WriteConcern::from(Acknowledgment::from(1))));
        insert.send().await.map(drop)
    }

    /// Notes that somebody listens, for the next five minutes, and returns the standing. Writers know of it after
    /// [`HEARD_WITHIN`].
    pub async fn listen(&self) -> Result<LiveStanding, StoreError> {
        let until = doc! {"$add": ["$$NOW", LISTENS.as_millis() as i64]};
        let from = doc! {"$add": ["$$NOW", HEARD_WITHIN.as_millis() as i64]};
        let paused = doc! {"$lt": [{"$ifNull": ["$until", null]}, "$$NOW"]};
        let update = vec![doc! {"$set": {
            "since": {"$cond": [paused, from, "$since"]}, "until": until, "heard": true,
        }}];
        let listening = self
            .coll
            .named("noting that somebody listens")
            .find_one_and_update(doc! {"_id": STANDING}, update);
        let listening = listening.with(|it| it.upsert(true).return_document(ReturnDocument::After));
        let row = listening.send().await?;
        let standing = row.and_then(|row| from_document::<StoredStanding>(&row).ok());
        Ok(standing.map_or_else(LiveStanding::default, |standing| standing.told()))
    }

    /// Returns whether anybody listens.
    pub async fn standing(&self) -> Result<LiveStanding, StoreError> {
        let rows: Vec<StoredStanding> = standing().read(&self.coll).await?;
        let told = rows.first().map(StoredStanding::told);
        Ok(told.unwrap_or_default())
    }

    /// Returns rows from about the time of `after` on, oldest first, at most `limit`. `None` if the row `after` is gone, or
    /// nobody listened at that time: then rows are missing. Some rows of other processes may have been told before `after`.
    pub async fn since(
        &self,
        after: LiveId,
        limit: i64,
    ) -> Result<Option<Vec<LiveRow>>, StoreError> {
        let standing = self.standing().await?;
        if standing.since > after.seconds() + 1.0 {
            return Ok(None);
        }
        let rows: Vec<Stored> = since(after, limit).read(&self.coll).await?;
        let rows: Vec<LiveRow> = rows.into_iter().map(LiveRow::from).collect();
        let is_there = rows.iter().any(|row| row.id == after);
        Ok(is_there.then_some(rows))
    }
}

pub(crate) fn standing() -> Find {
    let heard = doc! {"$gt": ["$until", "$$NOW"]};
    Find::new("asking whether anybody listens", ID, doc! {"_id": STANDING})
        .project(doc! {"since": 1, "heard": heard})
}

pub(crate) fn since(after: LiveId, limit: i64) -> Find {
    let filter = doc! {"_id": {"$gte": after.margin()}};
    Find::new("reading new events again", ID, filter)
        .sort(doc! {"_id": 1})
        .limit(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let (one, two) = (LiveId::new(), LiveId::new());
        assert_eq!(one.to_string().parse(), Ok(one));
        assert_eq!("x".parse::<LiveId>(), Err(InvalidLiveId));
        assert!(one.is_before(&two) && one.is_before(&one) && !two.is_before(&one));
        let mut other = two.bytes();
        other[4] ^= 1;
        assert!(!one.is_before(&LiveId(ObjectId::from_bytes(other))));
        assert!(one.margin() < one.0);
    }
}
