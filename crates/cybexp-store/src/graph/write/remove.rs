//! Removing events, under a note of the hours that they change.

use std::collections::BTreeSet;

use bson::{Bson, Document, doc};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::archive::ids::{self, SessionId};
use crate::error::StoreError;
use crate::graph::hours::hour_of;
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk;
use crate::sweep::rows::{self, Candidates};

const REMOVING: &str = "removing events that no raw makes";

/// An event that may be removed.
#[derive(Debug, Deserialize)]
pub(crate) struct Removable {
    #[serde(rename = "_hash")]
    pub hash: Hash,
    pub orgid: String,
    pub sub_type: String,
    pub timestamp: f64,
    #[serde(rename = "_keys")]
    pub keys: Vec<bson::Binary>,
    #[serde(default, rename = "_ref")]
    pub refs: Vec<Hash>,
    #[serde(default, rename = "_judged")]
    pub judged: Option<Bson>,
}

/// The fields of [`Removable`].
pub(crate) fn fields() -> Document {
    doc! {"_id": 0, "_hash": 1, "orgid": 1, "sub_type": 1, "timestamp": 1, "_keys": 1, "_ref": 1, "_judged": 1}
}

impl GraphWriter {
    /// Removes those of these events that have the same elements still, and that nobody has judged since. What they name
    /// is noted before, because nothing else may name it. Returns the number of removed events.
    pub(crate) async fn remove(&self, events: &[Removable]) -> Result<u64, StoreError> {
        if events.is_empty() {
            return Ok(0);
        }
        let mut candidates = Candidates::new();
        let mut hours = BTreeSet::new();
        let mut gone = Vec::with_capacity(events.len());
        for event in events {
            let refs = event.refs.iter().map(|hash| hash.as_bytes().to_vec());
            let keys = event.keys.iter().map(|key| &key.bytes);
            let sessions = keys.filter(|key| SessionId::read(key).is_some()).cloned();
            candidates.extend(refs.chain(sessions).map(|id| (id, event.orgid.clone())));
            hours.insert(hour_of(event.timestamp));
            let unchanged: Vec<Bson> = event.keys.iter().cloned().map(Bson::Binary).collect();
            let judged = match &event.judged {
                Some(judged) => judged.clone(),
                None => doc! {"$exists": false}.into(),
            };
            gone.push(
                doc! {"_id": ids::of_hash(event.hash), "_keys": unchanged, "_judged": judged},
            );
        }
        rows::note_candidates(&self.going, &candidates).await?;
        let note = self.events.open(&hours).await?;
        let removed = bulk::delete(&self.coll, &gone, REMOVING).await?;
        self.events.close(note).await?;
        Ok(removed)
    }
}
