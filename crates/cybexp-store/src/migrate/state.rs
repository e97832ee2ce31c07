//! The place that a migration has reached, in a small document beside the archive.

use bson::oid::ObjectId;
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
    /// The run that works on it. An earlier run that is still alive stops when it finds another one here.
    run: ObjectId,
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
            run: ObjectId::new(),
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
        let unreadable = |message| StoreError::Write {
            doing: READING,
            code: 0,
            message,
        };
        let state = found.first().map(|row| from_document(row));
        state.transpose().map_err(unreadable)
    }

    /// Stores the state of a migration that begins.
    pub(super) async fn begin(&self, coll: &Documents) -> Result<(), StoreError> {
        let set = bson::serialize_to_bson(self).doing(STORING)?;
        let update = coll
            .named(STORING)
            .update_one(doc! {"_id": STATE}, doc! {"$set": set});
        let update = update.with(|update| update.upsert(true));
        update.send().await.map(drop)
    }

    /// Makes this run the one that works on a migration that was begun, and returns its state.
    pub(super) async fn resume(coll: &Documents) -> Result<Self, StoreError> {
        let set = doc! {"$set": {"run": ObjectId::new()}};
        let update = coll.named(STORING).update_one(doc! {"_id": STATE}, set);
        update.send().await?;
        Self::read(coll).await?.ok_or_else(overtaken)
    }

    /// Stores the state, if no other run has begun since.
    pub(super) async fn store(&self, coll: &Documents) -> Result<(), StoreError> {
        let set = bson::serialize_to_bson(self).doing(STORING)?;
        let ours = doc! {"_id": STATE, "run": self.run};
        let update = coll.named(STORING).update_one(ours, doc! {"$set": set});
        match update.send().await?.matched_count {
            0 => Err(overtaken()),
            _ => Ok(()),
        }
    }
}

fn overtaken() -> StoreError {
    StoreError::Write {
        doing: STORING,
        code: 0,
        message: "another run goes on with it".to_owned(),
    }
}
