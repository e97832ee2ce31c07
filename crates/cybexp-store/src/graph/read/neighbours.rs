//! Walking the graph from events to attributes and back, a level at a time.
//!
//! A reader sees only its own part of the graph: an attribute's events are those that the reader may see. A number that
//! counted other events would reveal them. Events that are no observations are no part of it: an address would be near to
//! all of its country.

use bson::{Bson, Document, doc};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use tahoe_core::Hash;
use threatrank::{AttributeEvents, Draw, EventRefs, EventTime, NodeKind, OpenEvent};

use crate::archive::ids::binary;
use crate::archive::keys::{self, Kinds, LEAST_TIE, SAMPLED};
use crate::archive::stored::DERIVED;
use crate::error::{Doing, StoreError};
use crate::graph::read::lookup::{events_by_hash, nodes_by_hash};
use crate::graph::read::open_events;
use crate::graph::read::reader::GraphReader;
use crate::graph::read::wanted::points;
use crate::mongo::find::{Find, MAX_TIME};
use crate::mongo::indexes::EVENT_SAMPLE;
use crate::visible::Visible;

/// Parts of the sample, and how many of its sixteen slices belong to each. A slice is a range of `_tie`.
const PARTS: u8 = 3;
const SLICES: u8 = 5;
const SLICE: i64 = SAMPLED / 16;
/// The most finds at once.
const READERS: usize = 4;
/// The most points of the index in one query.
const POINTS: usize = 40_000;
/// The most finds at once that draw events of hubs: much of the time of each is the way to the server and back.
const DRAWERS: usize = 8;
/// The fewest attributes whose events are listed by one query.
const FEW: usize = 4;
/// The most points that the server merges in order.
const MERGED: usize = 200;

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
        let at_once = POINTS / (visible.0.len() * Kinds::OBSERVED.count()).max(1);
        let at_once = at_once.min(attributes.len().div_ceil(READERS).max(FEW));
        let parts = attributes.chunks(at_once.max(1));
        let reads = parts.map(|part| self.listed(part, visible, most, room));
        let parts: Vec<Vec<AttributeEvents>> = stream::iter(reads.collect::<Vec<_>>())
            .buffered(READERS)
            .try_collect()
            .await?;
        let mut events = 0;
        let rows = parts.into_iter().flatten().take_while(|row| {
            let has_room = events < room;
            events += row.events.as_ref().map_or(0, Vec::len);
            has_room
        });
        Ok(rows.collect())
    }

    /// Lists the events of these attributes by one query.
    async fn listed(
        &self,
        attributes: &[Hash],
        visible: &Visible,
        most: usize,
        room: usize,
    ) -> Result<Vec<AttributeEvents>, StoreError> {
        let pipeline = events_of_attributes(attributes, self.coll.name(), visible, most);
        let listed = self.coll.named(EVENTS).aggregate_documents(pipeline);
        let listed = listed.with(|aggregate| aggregate.max_time(MAX_TIME));
        let mut rows = listed.rows().await?;
        let (mut all, mut events) = (Vec::new(), 0);
        while events < room
            && let Some(row) = rows.next().await?
        {
            let row: ListedEvents = bson::deserialize_from_slice(row.as_bytes()).doing(EVENTS)?;
            let place = usize::try_from(row._id).ok();
            let Some(attribute) = place.and_then(|n| attributes.get(n)) else {
                continue;
            };
            events += row.events.as_ref().map_or(0, Vec::len);
            all.push(AttributeEvents {
                hash: *attribute,
                events: row.events,
            });
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
    ) -> Result<Vec<Vec<OpenEvent>>, StoreError> {
        let draw = async |draw: &Draw| {
            let [begin, from, end] = places(draw);
            let mut events = self
                .drawn(draw.hub, visible, [from, end], draw.events)
                .await?;
            let missing = draw.events.saturating_sub(events.len());
            if missing > 0 {
                events.extend(
                    self.drawn(draw.hub, visible, [begin, from], missing)
                        .await?,
                );
            }
            Ok(events)
        };
        let reads = stream::iter(draws.iter().map(draw)).buffered(DRAWERS);
        reads.try_collect().await
    }

    /// Returns the first events of a hub in a range of the sample.
    async fn drawn(
        &self,
        hub: Hash,
        visible: &Visible,
        ties: [i64; 2],
        events: usize,
    ) -> Result<Vec<OpenEvent>, StoreError> {
        let orgs = visible.orgs();
        let mut all: Vec<OpenEvent> = Vec::new();
        for part in orgs.chunks(MERGED / Kinds::OBSERVED.count()) {
            let mut rows = drawn(hub, part, ties, events).rows(&self.coll).await?;
            while let Some(row) = rows.next().await? {
                all.extend(open_events::read(&row));
            }
        }
        if orgs.len() > MERGED / Kinds::OBSERVED.count() {
            all.sort_unstable_by_key(|OpenEvent { event, .. }| (keys::tie(event.hash), event.hash));
            all.truncate(events);
        }
        Ok(all)
    }
}

/// The events of an attribute, which is given by its place in the request; `None` for too many.
#[derive(Deserialize)]
struct ListedEvents {
    _id: i64,
    events: Option<Vec<EventTime>>,
}

/// Makes the projection to an [`EventTime`].
pub(crate) fn time() -> Document {
    let malicious = doc! {"$eq": ["$category", "malicious"]};
    doc! {"_id": 0, "_hash": 1, "timestamp": 1, "malicious": malicious}
}

pub(crate) fn event_time(event: Hash, visible: &Visible) -> Find {
    let mut find = events_by_hash(RANKED, &[event], visible).project(time());
    find.filter.insert(DERIVED, doc! {"$exists": false});
    find
}

pub(crate) fn kinds(hashes: &[Hash]) -> Find {
    let is_attribute = doc! {"$eq": ["$itype", "attribute"]};
    nodes_by_hash(KINDS, hashes).project(doc! {"_id": 0, "_hash": 1, "is_attribute": is_attribute})
}

pub(crate) fn event_refs(events: &[Hash], visible: &Visible) -> Find {
    events_by_hash(REFS, events, visible).project(doc! {"_id": 0, "_hash": 1, "_ref": 1})
}

/// Returns the beginning of a part of the sample, the start of the draw, and the end of the part.
fn places(draw: &Draw) -> [i64; 3] {
    let [at, ..] = draw.from.as_bytes();
    let begin = draw.part % PARTS * SLICES;
    let slice = begin + at % SLICES;
    // a place within the slice, made of the rest of the hash
    let within = keys::tie(draw.from) & (SLICE - 1);
    [
        i64::from(begin) * SLICE,
        i64::from(slice) * SLICE + within,
        i64::from(begin + SLICES) * SLICE,
    ]
}

pub(crate) fn drawn(hub: Hash, orgs: &[&str], ties: [i64; 2], events: usize) -> Find {
    let [from, to] = ties;
    let filter = doc! {
        "_keys": {"$in": points(&[hub], orgs, Kinds::OBSERVED)}, "_tie": {"$gte": from, "$lt": to},
    };
    Find::new(EVENTS, EVENT_SAMPLE, filter)
        .project(open_events::fields())
        .sort(doc! {"_tie": 1})
        .limit(events.max(1) as i64)
}

/// Reads the events of each attribute by a query of its own, all in one round trip. A single `find` by all attributes
/// could not stop at an attribute with too many events. The events are counted first, by the index alone: that costs a
/// tenth of reading those of a hub in vain.
pub(crate) fn events_of_attributes(
    attributes: &[Hash],
    coll: &str,
    visible: &Visible,
    most: usize,
) -> Vec<Document> {
    let orgs = visible.orgs();
    let attributes = attributes.iter().enumerate();
    let attributes = attributes.map(|(n, attribute)| {
        doc! {"_id": n as i64, "keys": points(&[*attribute], &orgs, Kinds::OBSERVED)}
    });
    let attributes: Vec<Bson> = attributes.map(Bson::from).collect();
    let look_up = |then: Document, name: &str| {
        let events = vec![
            doc! {"$match": {"_tie": {"$gte": LEAST_TIE}}},
            doc! {"$limit": most as i64 + 1},
            then,
        ];
        doc! {"$lookup": {
            "from": coll, "localField": "keys", "foreignField": "_keys", "pipeline": events, "as": name,
        }}
    };
    let too_many = |list: Bson| doc! {"$gt": [list, most as i64]};
    let counted = doc! {"$ifNull": [{"$first": "$counted.n"}, 0]};
    // an element that no event has
    let none = vec![binary([0])];
    vec![
        doc! {"$documents": attributes},
        look_up(doc! {"$count": "n"}, "counted"),
        doc! {"$set": {"keys": {"$cond": [too_many(counted.clone().into()), none, "$keys"]}}},
        look_up(doc! {"$project": time()}, "events"),
        // events may have come in since they were counted
        doc! {"$project": {"events": {"$cond": [
            {"$or": [too_many(counted.into()), too_many(doc! {"$size": "$events"}.into())]}, null, "$events",
        ]}}},
    ]
}
