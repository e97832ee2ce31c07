//! What there is, for a person to see. These read whole collections: no daemon repeats them.

use bson::doc;
use serde::Deserialize;

use crate::archive::open::Archive;
use crate::cache::open::Cache;
use crate::cache::queue as entries;
use crate::error::StoreError;
use crate::mongo::lease::unleased;
use crate::raws::queue::{self, Raws};

/// How many instances of a kind and type there are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Tally {
    /// The kind.
    pub itype: String,
    /// The type.
    pub sub_type: String,
    /// How many.
    pub count: i64,
}

impl Archive {
    /// Counts everything, by kind and type.
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
}

impl Raws {
    /// How many raws the filter of this id has to see.
    pub async fn count_pending(&self, filter: &str, typetags: &[&str]) -> Result<u64, StoreError> {
        let typetags: Vec<String> = typetags.iter().map(|&tag| tag.to_owned()).collect();
        // all of them, and not one batch
        queue::pending(&typetags, filter, unleased(&[]))
            .limit(0)
            .count(&self.archive.coll)
            .await
    }
}

impl Cache {
    /// How many entries the archive has to open.
    pub async fn count_pending(&self) -> Result<u64, StoreError> {
        // all of them, and not one batch
        let all = entries::pending(&[]).limit(0);
        all.count(&self.entries).await
    }
}
