//! Counts of stored documents, for a person. They read whole collections, so no daemon repeats them.

use bson::doc;
use serde::Deserialize;

use crate::archive::open::Archive;
use crate::cache::open::Cache;
use crate::cache::queue as entries;
use crate::error::StoreError;
use crate::graph::derived::due;
use crate::mongo::find::Find;
use crate::mongo::indexes::GOING_AT;
use crate::raws::queue::{self, Raws};

/// The number of instances of a kind and type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Tally {
    /// The instances' kind.
    pub itype: String,
    /// The instances' type.
    pub sub_type: String,
    /// The number of instances.
    pub count: i64,
}

impl Archive {
    /// Counts all instances, by kind and type.
    pub async fn tally(&self) -> Result<Vec<Tally>, StoreError> {
        let group =
            doc! {"_id": {"itype": "$itype", "sub_type": "$sub_type"}, "count": {"$sum": 1_i64}};
        let flat = doc! {"_id": 0, "itype": "$_id.itype", "sub_type": "$_id.sub_type", "count": 1};
        let pipeline = [doc! {"$group": group}, doc! {"$project": flat}];
        let counting = self.coll.named("counting instances");
        let rows = counting.aggregate(pipeline).rows().await?;
        let mut tally: Vec<Tally> = rows.read().await?;
        tally.sort_unstable();
        Ok(tally)
    }

    /// Counts the rows of what the sweep is yet to look at.
    pub async fn count_noted(&self) -> Result<u64, StoreError> {
        // one row has no kind: it says whose turn it is to sweep
        let noted = doc! {"kind": {"$gt": 0}};
        let find = Find::new("counting what may have to go", GOING_AT, noted);
        find.count(&self.going).await
    }
}

impl Raws {
    /// Counts the raws that wait for the filter of this id.
    pub async fn count_pending(&self, filter: &str) -> Result<u64, StoreError> {
        // all of them, not only one batch
        let mut pending = queue::pending(filter, queue::unleased(&[])).limit(0);
        pending.filter.remove("_id");
        pending.count(&self.archive.coll).await
    }

    /// Whether a raw waits for the filter of this id. Takes no longer the more there are.
    pub async fn is_any_pending(&self, filter: &str) -> Result<bool, StoreError> {
        let mut pending = queue::pending(filter, queue::unleased(&[])).limit(1);
        pending.filter.remove("_id");
        Ok(pending.count(&self.archive.coll).await? > 0)
    }
}

impl Archive {
    /// Counts the sessions that wait for a second-stage filter of this name, due or not.
    pub async fn count_waiting_sessions(&self, filter: &str) -> Result<u64, StoreError> {
        let mut waiting = due::waiting(filter, &[]).limit(0);
        waiting.filter.remove("_id");
        waiting.count(&self.coll).await
    }
}

impl Cache {
    /// Counts the entries that the archive daemon has not opened.
    pub async fn count_pending(&self) -> Result<u64, StoreError> {
        // all of them, not only one batch
        let all = entries::pending(&[]).limit(0);
        all.count(&self.entries).await
    }

    /// Whether there is an entry that the archive daemon has not opened.
    pub async fn is_any_pending(&self) -> Result<bool, StoreError> {
        let one = entries::pending(&[]).limit(1);
        Ok(one.count(&self.entries).await? > 0)
    }
}
