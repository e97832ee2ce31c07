//! The values of a feed, as rows. A row's `_id` is the feed's key and the attribute's hash, so a feed is read in the order
//! of hashes, by a range of ids.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use serde::{Deserialize, Serialize};
use tahoe_core::{Hash, Scalar};

use crate::archive::ids::binary;
use crate::error::StoreError;
use crate::feeds::definition::{Feed, Feeds};
use crate::mongo::collection::from_document;
use crate::mongo::find::Find;
use crate::mongo::indexes::{FEED_ADDED, FEED_PLACE, ID};
use crate::mongo::operation::Rows;

const READING: &str = "reading the values of a feed";

/// A value of a feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedValue {
    /// The type of the attribute.
    pub sub_type: String,
    /// The value.
    pub data: tahoe_core::Value,
    /// The number of the feed's change that changed the row.
    pub seq: i64,
    /// When the value came into the feed, in Unix seconds. Of values that are added later it is never less.
    pub added: f64,
    /// When the row last changed, in Unix seconds.
    pub changed: f64,
    /// The times of the first and the last event that the feed knows, in Unix seconds.
    pub first: f64,
    /// See `first`.
    pub last: f64,
    /// The number of events, up to 10,000.
    pub count: i64,
    /// When the value leaves unless there are new events, in Unix seconds; absent in rows of values that have left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<f64>,
    /// Place in the day's part of a MISP feed: days since 1970 times 256, and a byte of the value's digest.
    pub place: i64,
}

impl FeedValue {
    /// Returns the value.
    pub fn scalar(&self) -> Option<Scalar> {
        Scalar::try_from(&self.data).ok()
    }
}

/// The number of values of a feed in a place, and the last change there.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct FeedDay {
    /// Days since 1970.
    #[serde(rename = "_id")]
    pub day: i64,
    /// The number of values.
    pub values: i64,
    /// The last change, in Unix seconds.
    pub changed: f64,
}

/// The values of a feed, as they are read.
pub struct FeedRows(Rows);

impl FeedRows {
    /// Returns the next value.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next(&mut self) -> Result<Option<FeedValue>, StoreError> {
        while let Some(row) = self.0.next().await? {
            // a row that is none was not written by us
            if let Ok(value) = from_document(&row) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// Selection of values of a feed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FeedPart {
    /// All values.
    All,
    /// Those of a range of places, both ends included.
    Places(i64, i64),
}

impl Feeds {
    /// Reads the values that are in a feed at this time, in Unix seconds.
    pub async fn values(
        &self,
        feed: &Feed,
        part: FeedPart,
        now: f64,
    ) -> Result<FeedRows, StoreError> {
        let find = match part {
            FeedPart::All => values(feed.key, now),
            FeedPart::Places(from, to) => places(feed.key, from, to, now),
        };
        Ok(FeedRows(find.rows(&self.values).await?))
    }

    /// Reads the values that came into a feed after this time, in the order in which they came. Those of equal times follow
    /// in the order of their ids; `after` is the id of the last one that was read.
    pub async fn added_after(
        &self,
        feed: &Feed,
        after: (f64, Option<Hash>),
        limit: i64,
        now: f64,
    ) -> Result<Vec<(Hash, FeedValue)>, StoreError> {
        let find = added(feed, after, now).limit(limit);
        read(find.rows(&self.values).await?).await
    }

    /// Returns the value of this hash, if it is in the feed.
    pub async fn value(
        &self,
        feed: &Feed,
        hash: Hash,
        now: f64,
    ) -> Result<Option<FeedValue>, StoreError> {
        let filter = doc! {"_id": id_of(feed.key, hash), "until": {"$gt": now}};
        Ok(Find::new(READING, ID, filter)
            .read(&self.values)
            .await?
            .pop())
    }

    /// Returns the number of values of each day on which values came into the feed, by day.
    pub async fn days(&self, feed: &Feed) -> Result<Vec<FeedDay>, StoreError> {
        let pipeline = [
            doc! {"$match": {"feed": feed.key}},
            doc! {"$group": {
                "_id": {"$toLong": {"$floor": {"$divide": ["$place", 256]}}},
                "values": {"$sum": {"$cond": [{"$gt": ["$until", 0]}, 1_i64, 0_i64]}},
                "changed": {"$max": "$changed"},
            }},
            doc! {"$sort": {"_id": 1}},
        ];
        let days = self
            .values
            .named("counting the values of a feed by day")
            .aggregate(pipeline);
        let days = days.with(|days| days.hint(mongodb::options::Hint::Name(FEED_PLACE.to_owned())));
        days.rows().await?.read().await
    }

    /// Returns the number of values of a feed.
    pub async fn size(&self, feed: &Feed) -> Result<i64, StoreError> {
        Ok(self.days(feed).await?.iter().map(|day| day.values).sum())
    }
}

/// Returns the `_id` of a value's row.
pub(crate) fn id_of(feed: ObjectId, hash: Hash) -> Bson {
    binary([&feed.bytes()[..], hash.as_bytes()].concat())
}

/// Makes the condition on the ids of a feed.
pub(crate) fn ids_of(feed: ObjectId) -> Document {
    let bound = |byte: u8| binary([&feed.bytes()[..], &[byte; 32]].concat());
    doc! {"$gte": bound(0), "$lte": bound(0xff)}
}

/// Returns the hash of a row's `_id`.
pub(crate) fn hash_of(id: &[u8]) -> Option<Hash> {
    hex_of(id.get(12..)?).parse().ok()
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn values(feed: ObjectId, now: f64) -> Find {
    let filter = doc! {"_id": ids_of(feed), "until": {"$gt": now}};
    Find::new(READING, ID, filter).sort(doc! {"_id": 1})
}

/// Returns the values of these rows, and their hashes.
pub(crate) async fn read(mut rows: Rows) -> Result<Vec<(Hash, FeedValue)>, StoreError> {
    let mut values = Vec::new();
    while let Some(row) = rows.next().await? {
        let id = row.get_binary("_id").ok().and_then(|id| hash_of(id.bytes));
        if let (Some(hash), Ok(value)) = (id, from_document(&row)) {
            values.push((hash, value));
        }
    }
    Ok(values)
}

pub(crate) fn places(feed: ObjectId, from: i64, to: i64, now: f64) -> Find {
    let places = doc! {"$gte": from, "$lte": to};
    let filter = doc! {"feed": feed, "place": places, "until": {"$gt": now}};
    Find::new(READING, FEED_PLACE, filter)
}

pub(crate) fn added(feed: &Feed, (time, hash): (f64, Option<Hash>), now: f64) -> Find {
    // rows that are being written are not read before all are there: who has seen their time would miss the others
    let whole = feed.changed;
    let filter = match hash {
        None => {
            doc! {"feed": feed.key, "added": {"$gt": time, "$lte": whole}, "until": {"$gt": now}}
        }
        Some(hash) => doc! {
            "feed": feed.key, "until": {"$gt": now}, "added": {"$gte": time, "$lte": whole},
            "$or": [{"added": {"$gt": time}}, {"_id": {"$gt": id_of(feed.key, hash)}}],
        },
    };
    Find::new(READING, FEED_ADDED, filter).sort(doc! {"added": 1, "_id": 1})
}
