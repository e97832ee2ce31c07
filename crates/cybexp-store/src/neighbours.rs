//! Walking the graph from events to attributes and back, a level at a time.
//!
//! Everything is as its reader sees it: an attribute's events are those that the reader may see, for a number that
//! depended on the others would tell of them.

use bson::{Document, RawDocumentBuf, doc};
use futures::{StreamExt, TryStreamExt, stream};
use mongodb::options::Hint;
use serde::Deserialize;
use tahoe_core::{Hash, OrgId};

use crate::archive::{ASK, Archive};
use crate::error::{Doing, StoreError};
use crate::find::{Find, MAX_TIME};
use crate::graph::{Visible, hex};
use crate::indexes::{EVENT_SAMPLE, IDENTITY, SAMPLED};

/// When an event happened, and whether it was an attack.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct EventTime {
    /// Identity.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// Unix seconds.
    pub timestamp: f64,
    /// Whether its category is malicious.
    pub malicious: bool,
}

/// An attribute and the events that refer to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AttributeEvents {
    /// Identity.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// The visible events whose `_ref` holds it; none if they are more than was asked for.
    pub events: Option<Vec<EventTime>>,
}

/// Finds under way at once.
const READERS: usize = 4;

const RANKED: &str = "reading an event";
const ATTRIBUTES: &str = "reading what is an attribute";
const EVENTS: &str = "reading the events of attributes";

impl Archive {
    /// An event, if `visible` shows it.
    pub async fn event_time(
        &self,
        event: Hash,
        visible: &Visible,
    ) -> Result<Option<EventTime>, StoreError> {
        let mut found = event_time(event, visible).read(&self.coll).await?;
        Ok(found.pop())
    }

    /// Those of these hashes that are of attributes.
    pub async fn attributes_among(&self, hashes: &[Hash]) -> Result<Vec<Hash>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            _hash: Hash,
        }
        let rows: Vec<Row> = self.in_parts(hashes, attributes_among).await?;
        Ok(rows.into_iter().map(|row| row._hash).collect())
    }

    /// The events of these attributes, where they are not more than `most`, by the attributes' hashes. It ends once
    /// that makes `room` events; attributes that are missing were not read.
    pub async fn events_of_attributes(
        &self,
        attributes: &[Hash],
        visible: &Visible,
        most: usize,
        room: usize,
    ) -> Result<Vec<AttributeEvents>, StoreError> {
        let mut all: Vec<AttributeEvents> = Vec::new();
        let mut events = 0;
        for part in attributes.chunks(ASK) {
            if events >= room {
                break;
            }
            let pipeline = events_of_attributes(part, self.coll.name(), visible, most);
            let cursor = self.coll.aggregate(pipeline);
            let cursor = cursor
                .hint(Hint::Name(IDENTITY.to_owned()))
                .max_time(MAX_TIME);
            let mut rows = cursor.with_type::<RawDocumentBuf>().await.doing(EVENTS)?;
            while events < room
                && let Some(row) = rows.try_next().await.doing(EVENTS)?
            {
                let row: AttributeEvents =
                    bson::deserialize_from_slice(row.as_bytes()).doing(EVENTS)?;
                events += row.events.as_ref().map_or(0, Vec::len);
                all.push(row);
            }
        }
        Ok(all)
    }
}

impl Archive {
    /// Some events of each of these hubs, drawn by chance, all its events alike, and the same each time: those of the
    /// smallest hashes, of the sixteenth of all events that is kept in order of these.
    pub async fn draw_events(
        &self,
        hubs: &[Hash],
        visible: &Visible,
        draws: usize,
    ) -> Result<Vec<AttributeEvents>, StoreError> {
        let draw = async |hub: &Hash| {
            let events = drawn(*hub, visible, draws).read(&self.coll).await?;
            let events = Some(events);
            Ok(AttributeEvents { hash: *hub, events })
        };
        let mut reads = stream::iter(hubs.iter().map(draw)).buffered(READERS);
        let mut all = Vec::with_capacity(hubs.len());
        while let Some(row) = reads.try_next().await? {
            all.push(row);
        }
        Ok(all)
    }
}

fn orgs(visible: &Visible) -> Vec<&str> {
    visible.0.iter().map(OrgId::as_str).collect()
}

fn time() -> Document {
    let malicious = doc! {"$eq": ["$category", "malicious"]};
    doc! {"_id": 0, "_hash": 1, "timestamp": 1, "malicious": malicious}
}

pub(crate) fn event_time(event: Hash, visible: &Visible) -> Find {
    let filter = doc! {
        "_hash": event.to_string(), "orgid": {"$in": orgs(visible)}, "itype": "event",
    };
    Find::new(RANKED, IDENTITY, filter).project(time())
}

pub(crate) fn attributes_among(hashes: &[Hash]) -> Find {
    let filter = doc! {"_hash": {"$in": hex(hashes)}, "orgid": null, "itype": "attribute"};
    Find::new(ATTRIBUTES, IDENTITY, filter).project(doc! {"_id": 0, "_hash": 1})
}

pub(crate) fn drawn(hub: Hash, visible: &Visible, draws: usize) -> Find {
    let filter = doc! {
        "_ref": hub.to_string(), "orgid": {"$in": orgs(visible)}, "_hash": {"$lt": SAMPLED}, "itype": "event",
    };
    Find::new(EVENTS, EVENT_SAMPLE, filter)
        .project(time())
        .sort(doc! {"_hash": 1})
        .limit(draws.max(1) as i64)
}

/// One look into the index of events for each attribute, all in one round trip: a `find` by all the attributes
/// together could not stop when one has too many.
pub(crate) fn events_of_attributes(
    attributes: &[Hash],
    coll: &str,
    visible: &Visible,
    most: usize,
) -> Vec<Document> {
    let own = doc! {"_hash": {"$in": hex(attributes)}, "orgid": null, "itype": "attribute"};
    let events = vec![
        doc! {"$match": {"itype": "event", "orgid": {"$in": orgs(visible)}}},
        doc! {"$limit": most as i64 + 1},
        doc! {"$project": time()},
    ];
    let too_many = doc! {"$gt": [{"$size": "$events"}, most as i64]};
    vec![
        doc! {"$match": own},
        doc! {"$sort": {"_hash": 1}},
        doc! {"$project": {"_id": 0, "_hash": 1}},
        doc! {"$lookup": {
            "from": coll, "localField": "_hash", "foreignField": "_ref", "pipeline": events, "as": "events",
        }},
        doc! {"$set": {"events": {"$cond": [too_many, null, "$events"]}}},
    ]
}
