//! Hashes that are watched, as far as a process needs them to know which values to ask for.
//!
//! A process reads all of them once, and then those of subscriptions that were added since. Eight bytes of each are kept:
//! about 20 MB for a million. One that is not watched any more stays, and costs a look-up that finds nothing.

use std::collections::HashSet;

use bson::doc;
use serde::Deserialize;
use tahoe_core::Hash;

use crate::error::StoreError;
use crate::mongo::collection::from_document;
use crate::mongo::find::Find;
use crate::mongo::indexes::{ID, SUBSCRIPTION_SINCE};
use crate::subscriptions::stored::{Subscriptions, WATCH_BYTES};

/// The bytes of a hash that are kept.
const KEPT_BYTES: usize = 8;

/// Hashes that are watched.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    keys: HashSet<[u8; KEPT_BYTES]>,
}

#[derive(Deserialize)]
struct Row {
    watch: Vec<bson::Binary>,
}

impl Watched {
    /// Whether somebody may watch this hash. False says that nobody does.
    pub fn may_hold(&self, hash: Hash) -> bool {
        kept(hash.as_bytes()).is_some_and(|key| self.keys.contains(&key))
    }

    /// Adds the hashes of another one.
    pub fn extend(&mut self, more: Self) {
        self.keys.extend(more.keys);
    }
}

fn kept(bytes: &[u8]) -> Option<[u8; KEPT_BYTES]> {
    bytes.first_chunk().copied()
}

impl Subscriptions {
    /// Returns the hashes of subscriptions that were added after this version; those of all if there is none.
    pub async fn watched(&self, after: Option<i64>) -> Result<Watched, StoreError> {
        let mut rows = added(after).rows(&self.coll).await?;
        let mut watched = Watched::default();
        while let Some(row) = rows.next().await? {
            // a row that is none was not written by us
            let Ok(row) = from_document::<Row>(&row) else {
                continue;
            };
            let ours = row
                .watch
                .iter()
                .filter(|key| key.bytes.len() == WATCH_BYTES);
            watched.keys.extend(ours.filter_map(|key| kept(&key.bytes)));
        }
        Ok(watched)
    }
}

pub(crate) fn added(after: Option<i64>) -> Find {
    let find = match after {
        Some(version) => Find::new(
            "reading newly watched values",
            SUBSCRIPTION_SINCE,
            doc! {"since": {"$gt": version}},
        ),
        None => Find::new(
            "reading all watched values",
            ID,
            doc! {"_id": {"$type": "objectId"}, "watch": {"$exists": true}},
        ),
    };
    find.project(doc! {"_id": 0, "watch": 1})
}
