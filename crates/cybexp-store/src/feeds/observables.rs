//! Values of a feed by their STIX observables: an object that is asked for by its id is one look-up, however many values the
//! feed has.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use tahoe_core::{Attribute, Hash};

use crate::error::StoreError;
use crate::feeds::definition::{Feed, Feeds};
use crate::feeds::rows::{self, FeedValue, id_of, ids_of};
use crate::feeds::standing::attribute;
use crate::mongo::bulk::{self, Update};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::{FEED_OBSERVABLE, ID};

/// The field with the number of a row's observable. Rows of values that STIX has no observable for lack it, and those of
/// values that have left.
pub(crate) const OBSERVABLE: &str = "stix";
/// The rows that one step gives their numbers.
const STEP: i64 = 2000;

const NUMBERING: &str = "numbering the observables of a feed";

/// Returns the UUID of an attribute's STIX observable; `None` if there is none for it.
pub type FeedObservable = fn(&Attribute) -> Option<[u8; 16]>;

impl Feeds {
    /// Returns the values of these observables that are in a feed, in the order in which they came. A few others may be among
    /// them: four bytes of an index tell them apart.
    pub async fn of_observables(
        &self,
        feed: &Feed,
        observables: &[[u8; 16]],
        now: f64,
    ) -> Result<Vec<(Hash, FeedValue)>, StoreError> {
        let mut values = Vec::new();
        for part in observables.chunks(ASK) {
            let find = of_observables(feed, part, now);
            values.extend(rows::read(find.rows(&self.values).await?).await?);
        }
        values.sort_by(|(one, a), (other, b)| a.added.total_cmp(&b.added).then(one.cmp(other)));
        values.dedup_by_key(|(hash, _)| *hash);
        Ok(values)
    }

    /// Gives some rows of an earlier version their numbers. Returns whether there are more.
    pub(crate) async fn number(
        &self,
        feed: &Feed,
        observable: FeedObservable,
    ) -> Result<bool, StoreError> {
        let after = feed.numbered.as_deref().and_then(|at| at.parse().ok());
        let rows = rows::read(step(feed.key, after).rows(&self.values).await?).await?;
        let updates = rows.iter().filter_map(|(hash, row)| {
            let attribute = attribute(&row.sub_type, &row.data)?;
            let number = number(feed.key, observable(&attribute)?);
            Some(Update {
                // a row that has left meanwhile has no number
                filter: doc! {"_id": id_of(feed.key, *hash), "until": {"$exists": true}},
                update: doc! {"$set": {OBSERVABLE: number}}.into(),
                upsert: false,
            })
        });
        let updates: Vec<Update> = updates.collect();
        if !updates.is_empty() {
            bulk::update(&self.values, &updates, NUMBERING)
                .await?
                .whole(NUMBERING)?;
        }
        let more = rows.last().filter(|_| rows.len() as i64 == STEP);
        let update = match more {
            Some((hash, _)) => doc! {"$set": {"numbered": hash.to_string()}},
            None => doc! {"$set": {"findable": true}, "$unset": {"numbered": ""}},
        };
        self.change(feed, update, NUMBERING).await?;
        Ok(more.is_some())
    }
}

/// Returns the number by which the row of an observable is found.
pub(crate) fn number(feed: ObjectId, observable: [u8; 16]) -> i32 {
    let text: String = observable
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // with the feed's key, which nobody is told: else one could make thousands of values that have one number
    let hash = Hash::of(&[&feed.to_hex(), &text]);
    let [a, b, c, d, ..] = *hash.as_bytes();
    i32::from_be_bytes([a, b, c, d])
}

/// Finds the values of these observables.
pub(crate) fn of_observables(feed: &Feed, observables: &[[u8; 16]], now: f64) -> Find {
    let numbers = observables.iter().map(|one| number(feed.key, *one));
    let numbers: Vec<Bson> = numbers.map(Bson::from).collect();
    let filter = doc! {
        "feed": feed.key, OBSERVABLE: {"$in": numbers}, "added": {"$lte": feed.changed}, "until": {"$gt": now},
    };
    Find::new("looking for an observable", FEED_OBSERVABLE, filter)
}

/// Finds the next rows of values that are in a feed.
fn step(feed: ObjectId, after: Option<Hash>) -> Find {
    let mut ids: Document = ids_of(feed);
    if let Some(hash) = after {
        ids.remove("$gte");
        ids.insert("$gt", id_of(feed, hash));
    }
    let filter = doc! {"_id": ids, "until": {"$exists": true}};
    Find::new(NUMBERING, ID, filter)
        .sort(doc! {"_id": 1})
        .limit(STEP)
}
