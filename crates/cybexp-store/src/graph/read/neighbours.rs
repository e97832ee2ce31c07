//! Walking the graph from events to attributes and back, a level at a time.
//!
//! A reader sees only its own part of the graph: an attribute's events are those that the reader may see. A number that
//! counted other events would reveal them.

use bson::{Document, doc};
use futures::{StreamExt, TryStreamExt, stream};
use mongodb::options::Hint;
use tahoe_core::Hash;
use threatrank::{AttributeEvents, Draw, EventRefs, EventTime, NodeKind};

use crate::error::{Doing, StoreError};
use crate::graph::read::hex::hex;
use crate::graph::read::lookup::{events_by_hash, nodes_by_hash};
use crate::graph::read::reader::GraphReader;
use crate::mongo::find::{ASK, Find, MAX_TIME};
use crate::mongo::indexes::{EVENT_SAMPLE, IDENTITY};
use crate::visible::Visible;

/// Parts of the sample, and how many of the sixteen second digits of the hashes belong to each.
const PARTS: u8 = 3;
const DIGITS: u8 = 5;
/// The most finds at once.
const READERS: usize = 4;

const RANKED: &str = "reading an event";
const KINDS: &str = "reading what is an attribute";
const EVENTS: &str = "reading the events of attributes";
const REFS: &str = "reading the attributes of events";

impl GraphReader {
    /// Returns an event, if `visible` shows it.
    pub async fn event_time(
        &self,
        event: Hash,
        visible: &Visible,
    ) -> Result<Option<EventTime>, StoreError> {
        let mut found = event_time(event, visible).read(&self.coll).await?;
        Ok(found.pop())
    }

    /// Returns which of these hashes are attributes, and which are objects.
    pub async fn kinds(&self, hashes: &[Hash]) -> Result<Vec<NodeKind>, StoreError> {
        self.in_parts(hashes, kinds).await
    }

    /// Returns the events of these attributes, by the attributes' hashes. An attribute with more than `most` events has
    /// none. The list ends once it has `room` events; attributes that are missing from it were not read.
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
            let listed = self.coll.named(EVENTS).aggregate(pipeline);
            let listed = listed.with(|aggregate| {
                aggregate
                    .hint(Hint::Name(IDENTITY.to_owned()))
                    .max_time(MAX_TIME)
            });
            let mut rows = listed.rows().await?;
            while events < room
                && let Some(row) = rows.next().await?
            {
                let row: AttributeEvents =
                    bson::deserialize_from_slice(row.as_bytes()).doing(EVENTS)?;
                events += row.events.as_ref().map_or(0, Vec::len);
                all.push(row);
            }
        }
        Ok(all)
    }

    /// Returns the hashes to which these events refer.
    pub async fn event_refs(
        &self,
        events: &[Hash],
        visible: &Visible,
    ) -> Result<Vec<EventRefs>, StoreError> {
        self.in_parts(events, |part| event_refs(part, visible))
            .await
    }

    /// Draws some events of each of these hubs, in the order of the draws. They come from a part of the sample, which
    /// holds a sixteenth of all events in the order of their hashes. A draw begins at a given hash, goes on in order,
    /// and wraps around to the beginning. A larger draw begins with the same events. If there are fewer than asked for,
    /// the part has no more.
    pub async fn draw_events(
        &self,
        draws: &[Draw],
        visible: &Visible,
    ) -> Result<Vec<Vec<EventTime>>, StoreError> {
        let draw = async |draw: &Draw| {
            let [begin, from, end] = places(draw);
            let find = drawn(draw.hub, visible, [&from, &end], draw.events);
            let mut events: Vec<EventTime> = find.read(&self.coll).await?;
            let missing = draw.events.saturating_sub(events.len());
            if missing > 0 {
                let find = drawn(draw.hub, visible, [&begin, &from], missing);
                events.extend(find.read::<EventTime>(&self.coll).await?);
            }
            Ok(events)
        };
        let reads = stream::iter(draws.iter().map(draw)).buffered(READERS);
        reads.try_collect().await
    }
}

fn time() -> Document {
    let malicious = doc! {"$eq": ["$category", "malicious"]};
    doc! {"_id": 0, "_hash": 1, "timestamp": 1, "malicious": malicious}
}

pub(crate) fn event_time(event: Hash, visible: &Visible) -> Find {
    events_by_hash(RANKED, &[event], visible).project(time())
}

pub(crate) fn kinds(hashes: &[Hash]) -> Find {
    let is_attribute = doc! {"$eq": ["$itype", "attribute"]};
    nodes_by_hash(KINDS, hashes).project(doc! {"_id": 0, "_hash": 1, "is_attribute": is_attribute})
}

pub(crate) fn event_refs(events: &[Hash], visible: &Visible) -> Find {
    events_by_hash(REFS, events, visible).project(doc! {"_id": 0, "_hash": 1, "_ref": 1})
}

/// Returns the beginning of a part of the sample, the start of the draw, and the end of the part.
fn places(draw: &Draw) -> [String; 3] {
    let [at, ..] = draw.from.as_bytes();
    let part = draw.part % PARTS;
    let begin = part * DIGITS;
    let digit = begin + at % DIGITS;
    let end = begin + DIGITS;
    let rest = &draw.from.to_string()[2..];
    [
        format!("0{begin:x}"),
        format!("0{digit:x}{rest}"),
        format!("0{end:x}"),
    ]
}

pub(crate) fn drawn(hub: Hash, visible: &Visible, hashes: [&str; 2], events: usize) -> Find {
    let [from, to] = hashes;
    let filter = doc! {
        "_ref": hub.to_string(), "orgid": {"$in": visible.orgs()},
        "_hash": {"$gte": from, "$lt": to}, "itype": "event",
    };
    Find::new(EVENTS, EVENT_SAMPLE, filter)
        .project(time())
        .sort(doc! {"_hash": 1})
        .limit(events.max(1) as i64)
}

/// Reads the events of each attribute by a query of its own, all in one round trip. A single `find` by all attributes
/// could not stop at an attribute with too many events.
pub(crate) fn events_of_attributes(
    attributes: &[Hash],
    coll: &str,
    visible: &Visible,
    most: usize,
) -> Vec<Document> {
    let own = doc! {"_hash": {"$in": hex(attributes)}, "orgid": null, "itype": "attribute"};
    let events = vec![
        doc! {"$match": {"itype": "event", "orgid": {"$in": visible.orgs()}}},
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
