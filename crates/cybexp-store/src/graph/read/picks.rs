//! Picking one event of an attribute at random, without reading its other events.

use bson::{Bson, Document, doc};
use futures::{StreamExt, TryStreamExt, stream};
use threatrank::{Pick, Picked};

use crate::archive::ids::binary;
use crate::archive::keys::{Kinds, LEAST_TIE};
use crate::error::StoreError;
use crate::graph::read::open_events;
use crate::graph::read::reader::GraphReader;
use crate::graph::read::wanted::points;
use crate::mongo::find::MAX_TIME;
use crate::visible::Visible;

/// The most points of the index in one query.
const POINTS: usize = 20_000;
/// The most queries at once, and the fewest picks of one.
const READERS: usize = 4;
const FEW: usize = 8;

const PICKING: &str = "picking events of attributes";

impl GraphReader {
    /// Picks an event for each pick, in their order, from an attribute of at most `most` events.
    pub async fn pick_events(
        &self,
        picks: &[Pick],
        visible: &Visible,
        most: usize,
    ) -> Result<Vec<Picked>, StoreError> {
        let at_once = POINTS / (visible.0.len() * Kinds::OBSERVED.count()).max(1);
        let at_once = at_once.min(picks.len().div_ceil(READERS).max(FEW)).max(1);
        let parts = picks
            .chunks(at_once)
            .map(|part| self.picked(part, visible, most));
        let picked: Vec<Vec<Picked>> = stream::iter(parts.collect::<Vec<_>>())
            .buffered(READERS)
            .try_collect()
            .await?;
        Ok(picked.into_iter().flatten().collect())
    }

    async fn picked(
        &self,
        picks: &[Pick],
        visible: &Visible,
        most: usize,
    ) -> Result<Vec<Picked>, StoreError> {
        let mut all = vec![Picked::Nothing; picks.len()];
        let pipeline = pick_events(picks, self.coll.name(), visible, most);
        let rows = self.coll.named(PICKING).aggregate_documents(pipeline);
        let rows = rows.with(|aggregate| aggregate.max_time(MAX_TIME));
        let mut rows = rows.rows().await?;
        while let Some(row) = rows.next().await? {
            let place = row
                .get_i64("_id")
                .ok()
                .and_then(|n| usize::try_from(n).ok());
            let Some(picked) = place.and_then(|n| all.get_mut(n)) else {
                continue;
            };
            let event = row.get_document("event").ok();
            *picked = match event.and_then(open_events::read) {
                _ if row.get_bool("too_many").unwrap_or(false) => Picked::TooMany,
                Some(event) => Picked::Event(event),
                None => Picked::Nothing,
            };
        }
        Ok(all)
    }
}

/// Lists the places of each attribute's events by the index alone, and reads the event at one of them: the time and
/// `_tie` of an event are in the index, its hash is not.
pub(crate) fn pick_events(
    picks: &[Pick],
    coll: &str,
    visible: &Visible,
    most: usize,
) -> Vec<Document> {
    let orgs = visible.orgs();
    let picks = picks.iter().enumerate();
    let picks = picks.map(|(n, pick)| {
        let keys = points(&[pick.attribute], &orgs, Kinds::OBSERVED);
        doc! {"_id": n as i64, "keys": keys, "at": pick.at}
    });
    let picks: Vec<Bson> = picks.map(Bson::from).collect();
    let any = || doc! {"$match": {"_tie": {"$gte": LEAST_TIE}}};
    let look_up = |pipeline: Vec<Document>, name: &str| {
        doc! {"$lookup": {
            "from": coll, "localField": "keys", "foreignField": "_keys",
            "let": {"timestamp": "$place.timestamp", "tie": "$place._tie"}, "pipeline": pipeline, "as": name,
        }}
    };
    let places = vec![
        any(),
        doc! {"$limit": most as i64 + 1},
        doc! {"$project": {"_id": 0, "timestamp": 1, "_tie": 1}},
    ];
    let here = doc! {"$match": {"$expr": {"$and": [
        {"$eq": ["$timestamp", "$$timestamp"]}, {"$eq": ["$_tie", "$$tie"]},
    ]}}};
    let event = vec![
        any(),
        here,
        doc! {"$limit": 1},
        doc! {"$project": open_events::fields()},
    ];
    let size = || doc! {"$size": "$places"};
    let chosen = doc! {"$toInt": {"$floor": {"$multiply": ["$at", size()]}}};
    // an element that no event has
    let none = vec![binary([0])];
    vec![
        doc! {"$documents": picks},
        look_up(places, "places"),
        doc! {"$set": {
            "too_many": {"$gt": [size(), most as i64]},
            "place": {"$arrayElemAt": ["$places", chosen]},
        }},
        doc! {"$project": {
            "too_many": 1, "place": 1, "keys": {"$cond": ["$too_many", none, "$keys"]},
        }},
        look_up(event, "events"),
        doc! {"$project": {"too_many": 1, "event": {"$first": "$events"}}},
    ]
}
