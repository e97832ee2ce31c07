//! The place that a migration has reached, in a small document beside the archive.

use bson::{Bson, doc};
use serde::{Deserialize, Serialize};

use crate::error::{Doing, StoreError};
use crate::migrate::report::MigrationReport;
use crate::mongo::collection::{Documents, from_document};
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;

/// The `_id` of the document.
pub(super) const STATE: &str = "migration";

const READING: &str = "reading the place of a migration";
const STORING: &str = "storing the place of a migration";

/// The state of a migration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct State {
    /// The number of the pass at work.
    pub pass: u32,
    /// The `_id` behind which the batch in hand begins; `None` at the start of a pass.
    pub from: Option<Bson>,
    /// The last `_id` of the batch in hand, which is counted in the report and perhaps not written.
    pub to: Option<Bson>,
    /// The number of documents of the old collection.
    pub total: u64,
    /// Whether the archive is taken over. Until then no daemon opens it.
    pub done: bool,
    pub report: MigrationReport,
}

impl State {
    pub(super) fn new(total: u64) -> Self {
        Self {
            pass: 0,
            from: None,
            to: None,
            total,
            done: false,
            report: MigrationReport::default(),
        }
    }

    pub(super) async fn read(coll: &Documents) -> Result<Option<Self>, StoreError> {
        let found = Find::new(READING, ID, doc! {"_id": STATE})
            .all(coll)
            .await?;
        let unreadable = |reason| StoreError::Unreadable {
            doing: READING,
            hash: STATE.to_owned(),
            reason,
        };
        let state = found.first().map(|row| from_document(row));
        state.transpose().map_err(unreadable)
    }

    pub(super) async fn store(&self, coll: &Documents) -> Result<(), StoreError> {
        let set = bson::serialize_to_bson(self).doing(STORING)?;
        let update = coll
            .named(STORING)
            .update_one(doc! {"_id": STATE}, doc! {"$set": set});
        update
            .with(|update| update.upsert(true))
            .send()
            .await
            .map(drop)
    }
}
