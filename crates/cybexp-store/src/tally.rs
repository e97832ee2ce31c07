//! What there is, for a person to see. These read whole collections: no daemon repeats them.

use bson::{Document, doc};
use futures::TryStreamExt;
use serde::Deserialize;

use crate::archive::Archive;
use crate::cache::{self, Cache};
use crate::collection::Raws;
use crate::error::{Doing, StoreError};
use crate::find::Find;
use crate::indexes::{ENTRY_BAD, RAW_PENDING};
use crate::lease::unleased;
use crate::raws;

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

/// A record that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What it was submitted as.
    pub typetag: String,
    /// MongoDB's id, in hex.
    pub id: String,
    /// Who set it aside: the archive or a filter's id.
    pub by: String,
    /// Why.
    pub reason: String,
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

    /// Raws with these typetags that a filter refused, at most `limit`.
    pub async fn refused(&self, typetags: &[&str], limit: i64) -> Result<Vec<Refused>, StoreError> {
        let filter = doc! {"itype": "raw", "sub_type": {"$in": typetags}, "_valid": false};
        let find = Find::new("listing refused raws", RAW_PENDING, filter)
            .project(doc! {"sub_type": 1, "_error": 1})
            .limit(limit);
        list(&self.coll, find, |row| {
            let error = row.get_document("_error").ok()?;
            Some(Refused {
                typetag: row.get_str("sub_type").ok()?.to_owned(),
                id: row.get_object_id("_id").ok()?.to_hex(),
                by: error.get_str("filter").ok()?.to_owned(),
                reason: error.get_str("reason").ok()?.to_owned(),
            })
        })
        .await
    }
}

impl Cache {
    /// How many entries the archive has to open.
    pub async fn count_pending(&self) -> Result<u64, StoreError> {
        cache::pending(&[]).count(&self.entries).await
    }

    /// Entries that the archive could not open, at most `limit`.
    pub async fn refused(&self, limit: i64) -> Result<Vec<Refused>, StoreError> {
        let find = Find::new("listing bad entries", ENTRY_BAD, doc! {"bad_data": true})
            .project(doc! {"typetag": 1, "error": 1})
            .limit(limit);
        list(&self.entries, find, |row| {
            Some(Refused {
                typetag: row.get_str("typetag").unwrap_or_default().to_owned(),
                id: row.get_object_id("_id").ok()?.to_hex(),
                by: "archive".to_owned(),
                reason: row.get_str("error").ok()?.to_owned(),
            })
        })
        .await
    }
}

async fn list(
    coll: &Raws,
    find: Find,
    refused: impl Fn(&Document) -> Option<Refused>,
) -> Result<Vec<Refused>, StoreError> {
    let rows: Vec<Document> = find.read(coll).await?;
    Ok(rows.iter().filter_map(refused).collect())
}
