//! What an archive holds, document by document: for tests and checks, which compare two archives or look for what
//! is there twice. It reads the whole collection into memory: no daemon does that.

use std::collections::BTreeSet;

use bson::doc;
use bson::oid::ObjectId;
use serde::Deserialize;

use crate::archive::open::Archive;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::collection::Documents;

/// What is known of one document. Archives made of the same submissions hold equal ones.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CensusRow {
    /// Its identity, together with `orgid`.
    #[serde(rename = "_hash")]
    pub hash: String,
    /// Whose it is; raws and events have one.
    #[serde(default)]
    pub orgid: Option<String>,
    /// The kind.
    pub itype: String,
    /// What it refers to, sorted.
    #[serde(default, rename = "_ref")]
    pub refs: Vec<String>,
    /// Which filters have seen it, sorted.
    #[serde(default)]
    pub filters: Vec<String>,
    /// Of a session, in Unix seconds.
    #[serde(default)]
    pub start_time: Option<f64>,
    /// Of a session, in Unix seconds.
    #[serde(default)]
    pub end_time: Option<f64>,
    /// Of a session, in seconds.
    #[serde(default)]
    pub duration: Option<f64>,
}

impl Archive {
    /// All documents, sorted by `_hash` and orgid.
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

    /// The workers that hold raws, each by an id of its own: those at work, and those that died at work less than a
    /// lease ago.
    pub async fn lessees(&self) -> Result<BTreeSet<String>, StoreError> {
        lessees(&self.coll).await
    }
}

impl Cache {
    /// The workers that hold entries, as [`Archive::lessees`].
    pub async fn lessees(&self) -> Result<BTreeSet<String>, StoreError> {
        lessees(&self.entries).await
    }
}

#[derive(Deserialize)]
struct Lessee {
    _id: ObjectId,
}

/// Those of the queue in this collection.
async fn lessees(coll: &Documents) -> Result<BTreeSet<String>, StoreError> {
    let doing = "listing the leases of a queue";
    let leases = coll.beside("leases");
    let live = doc! {"$expr": {"$gt": ["$until", "$$NOW"]}};
    let find = leases.named(doing).find(live);
    let find = find.with(|find| find.projection(doc! {"_id": 1}));
    let rows: Vec<Lessee> = find.rows().await?.read().await?;
    Ok(rows.into_iter().map(|row| row._id.to_hex()).collect())
}
