//! A summary of every document of an archive, for tests and checks that compare two archives or search for duplicates.
//! It reads the whole collection into memory, so no daemon uses it.

use std::collections::BTreeSet;

use bson::doc;
use bson::oid::ObjectId;
use serde::Deserialize;

use crate::archive::open::Archive;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::collection::Documents;

/// The summary of one document. Archives made of the same submissions have equal ones.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CensusRow {
    /// The document's hash, which identifies it together with `orgid`.
    #[serde(rename = "_hash")]
    pub hash: String,
    /// The organisation of a raw or an event.
    #[serde(default)]
    pub orgid: Option<String>,
    /// The document's kind.
    pub itype: String,
    /// The hashes to which it refers, sorted.
    #[serde(default, rename = "_ref")]
    pub refs: Vec<String>,
    /// The filters that have processed a raw, sorted.
    #[serde(default)]
    pub filters: Vec<String>,
    /// The start of a session, in Unix seconds.
    #[serde(default)]
    pub start_time: Option<f64>,
    /// The end of a session, in Unix seconds.
    #[serde(default)]
    pub end_time: Option<f64>,
    /// The duration of a session, in seconds.
    #[serde(default)]
    pub duration: Option<f64>,
}

impl Archive {
    /// Returns the summaries of all documents, sorted by `_hash` and orgid.
    pub async fn census(&self) -> Result<Vec<CensusRow>, StoreError> {
        let doing = "taking a census";
        let fields = doc! {
            "_id": 0, "_hash": 1, "orgid": 1, "itype": 1, "_ref": 1, "filters": 1,
            "start_time": 1, "end_time": 1, "duration": 1,
        };
        let find = self.coll.named(doing).find(doc! {});
        let find = find.with(|find| find.projection(fields));
        let mut rows: Vec<CensusRow> = find.rows().await?.read().await?;
        for row in &mut rows {
            row.refs.sort_unstable();
            row.filters.sort_unstable();
        }
        rows.sort_unstable_by(|a, b| (&a.hash, &a.orgid).cmp(&(&b.hash, &b.orgid)));
        Ok(rows)
    }

    /// Returns the ids of the workers that lease raws. A worker that died counts until its lease ends.
    pub async fn lessees(&self) -> Result<BTreeSet<String>, StoreError> {
        lessees(&self.coll).await
    }
}

impl Cache {
    /// Returns the ids of the workers that lease entries, as [`Archive::lessees`] does for raws.
    pub async fn lessees(&self) -> Result<BTreeSet<String>, StoreError> {
        lessees(&self.entries).await
    }
}

#[derive(Deserialize)]
struct Lessee {
    _id: ObjectId,
}

/// Returns the ids of the workers of the queue in this collection.
async fn lessees(coll: &Documents) -> Result<BTreeSet<String>, StoreError> {
    let doing = "listing the leases of a queue";
    let leases = coll.beside("leases");
    let live = doc! {"$expr": {"$gt": ["$until", "$$NOW"]}};
    let find = leases.named(doing).find(live);
    let find = find.with(|find| find.projection(doc! {"_id": 1}));
    let rows: Vec<Lessee> = find.rows().await?.read().await?;
    Ok(rows.into_iter().map(|row| row._id.to_hex()).collect())
}
