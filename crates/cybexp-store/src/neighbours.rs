//! Walking the graph from events to attributes and back, a level at a time.
//!
//! Everything is as its reader sees it: an attribute's events are those that the reader may see, for a number that
//! depended on the others would tell of them.

use bson::{Document, RawDocumentBuf, doc};
use futures::TryStreamExt;
use mongodb::options::Hint;
use serde::Deserialize;
use tahoe_core::{Hash, OrgId};

use crate::archive::{ASK, Archive};
use crate::error::{Doing, StoreError};
use crate::find::{Find, MAX_TIME};
use crate::graph::{Visible, hex};
use crate::indexes::{IDENTITY, SAMPLED};

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

/// An attribute or object.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct NodeKind {
    /// Identity.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// Whether it is an attribute.
    pub is_attribute: bool,
}

/// An event and all that it refers to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EventRefs {
    /// Identity.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// All descendants.
    #[serde(rename = "_ref")]
    pub refs: Vec<Hash>,
}

const RANKED: &str = "reading an event";
const KINDS: &str = "reading what is an attribute";
const EVENTS: &str = "reading the events of attributes";
const REFS: &str = "reading the attributes of events";

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

    /// Which of these hashes are of attributes, and which of objects.
    pub async fn kinds(&self, hashes: &[Hash]) -> Result<Vec<NodeKind>, StoreError> {
        self.in_parts(hashes, kinds).await
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
    /// What the events of these hashes refer to.
    pub async fn event_refs(
        &self,
        events: &[Hash],
        visible: &Visible,
    ) -> Result<Vec<EventRefs>, StoreError> {
        self.in_parts(events, |part| event_refs(part, visible))
            .await
    }

    /// Some events of each of these hubs, all its events alike: those whose hashes come next from somewhere on, of the
    /// sixteenth of all events that is kept in order of these. Who asks for more is given the same ones first; fewer than
    /// were asked for are all there are from there on.
    pub async fn draw_events(
        &self,
        hubs: &[Hash],
        visible: &Visible,
        from: Hash,
        draws: usize,
    ) -> Result<Vec<AttributeEvents>, StoreError> {
        let mut all = Vec::with_capacity(hubs.len());
        for part in hubs.chunks(ASK) {
            let pipeline = drawn(part, self.coll.name(), visible, from, draws);
            let cursor = self.coll.aggregate(pipeline);
            let cursor = cursor
                .hint(Hint::Name(IDENTITY.to_owned()))
                .max_time(MAX_TIME)
                .with_type::<AttributeEvents>();
            let rows = cursor.await.doing(EVENTS)?;
            all.extend(rows.try_collect::<Vec<_>>().await.doing(EVENTS)?);
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

pub(crate) fn kinds(hashes: &[Hash]) -> Find {
    let filter = doc! {
        "_hash": {"$in": hex(hashes)}, "orgid": null, "itype": {"$in": ["attribute", "object"]},
    };
    let is_attribute = doc! {"$eq": ["$itype", "attribute"]};
    Find::new(KINDS, IDENTITY, filter)
        .project(doc! {"_id": 0, "_hash": 1, "is_attribute": is_attribute})
}

pub(crate) fn event_refs(events: &[Hash], visible: &Visible) -> Find {
    let filter = doc! {
        "_hash": {"$in": hex(events)}, "orgid": {"$in": orgs(visible)}, "itype": "event",
    };
    Find::new(REFS, IDENTITY, filter).project(doc! {"_id": 0, "_hash": 1, "_ref": 1})
}

/// The same place among the hashes of the sample, and in its first half, so that enough come after it.
fn within_sample(place: Hash) -> String {
    let [first, ..] = place.as_bytes();
    format!("0{:x}{}", first >> 5, &place.to_string()[2..])
}

/// One look into the sample for each hub, all in one round trip.
pub(crate) fn drawn(
    hubs: &[Hash],
    coll: &str,
    visible: &Visible,
    from: Hash,
    draws: usize,
) -> Vec<Document> {
    let hashes = doc! {"$gte": within_sample(from), "$lt": SAMPLED};
    let events = vec![
        doc! {"$match": {"itype": "event", "orgid": {"$in": orgs(visible)}, "_hash": hashes}},
        doc! {"$sort": {"_hash": 1}},
        doc! {"$limit": draws.max(1) as i64},
        doc! {"$project": time()},
    ];
    [attributes(hubs), vec![events_among(coll, events)]].concat()
}

/// One look into the index of events for each attribute, all in one round trip: a `find` by all the attributes
/// together could not stop when one has too many.
pub(crate) fn events_of_attributes(
    attributes: &[Hash],
    coll: &str,
    visible: &Visible,
    most: usize,
) -> Vec<Document> {
    let events = vec![
        doc! {"$match": {"itype": "event", "orgid": {"$in": orgs(visible)}}},
        doc! {"$limit": most as i64 + 1},
        doc! {"$project": time()},
    ];
    let too_many = doc! {"$gt": [{"$size": "$events"}, most as i64]};
    let set = doc! {"$set": {"events": {"$cond": [too_many, null, "$events"]}}};
    [
        self::attributes(attributes),
        vec![events_among(coll, events), set],
    ]
    .concat()
}

/// The hashes of these attributes, in order.
fn attributes(hashes: &[Hash]) -> Vec<Document> {
    let own = doc! {"_hash": {"$in": hex(hashes)}, "orgid": null, "itype": "attribute"};
    vec![
        doc! {"$match": own},
        doc! {"$sort": {"_hash": 1}},
        doc! {"$project": {"_id": 0, "_hash": 1}},
    ]
}

/// Looks for events of each attribute.
fn events_among(coll: &str, pipeline: Vec<Document>) -> Document {
    doc! {"$lookup": {
        "from": coll, "localField": "_hash", "foreignField": "_ref", "pipeline": pipeline, "as": "events",
    }}
}
