//! What there is, for a person to see. These read whole collections: no daemon repeats them.

use bson::doc;
use futures::TryStreamExt;
use serde::Deserialize;

use crate::archive::missing::Archive;
use crate::cache::queue::{self as cache, Cache};
use crate::error::{Doing, StoreError};
use crate::mongo::lease::unleased;
use crate::raws::queue as raws;

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
    /// How many raws the filter of this id has to see.
    pub async fn count_pending(&self, filter: &str, typetags: &[&str]) -> Result<u64, StoreError> {
        let typetags: Vec<String> = typetags.iter().map(|&tag| tag.to_owned()).collect();
        raws::pending(&typetags, filter, unleased(&[]))
            .count(&self.coll)
            .await
    }

    /// Counts everything, by kind and type.
    pub async fn tally(&self) -> Result<Vec<Tally>, StoreError> {
        let group =
            doc! {"_id": {"itype": "$itype", "sub_type": "$sub_type"}, "count": {"$sum": 1_i64}};
        let flat = doc! {"_id": 0, "itype": "$_id.itype", "sub_type": "$_id.sub_type", "count": 1};
        let pipeline = [doc! {"$group": group}, doc! {"$project": flat}];
        let cursor = self.coll.aggregate(pipeline).with_type::<Tally>();
        let mut tally: Vec<Tally> = async { cursor.await?.try_collect().await }
            .await
            .doing("counting instances")?;
        tally.sort_unstable();
        Ok(tally)
    }
}

impl Cache {
    /// How many entries the archive has to open.
    pub async fn count_pending(&self) -> Result<u64, StoreError> {
        cache::pending(&[]).count(&self.entries).await
    }
}
