//! The newest submissions, for those who want to know whether their sources still submit.

use bson::doc;
use serde::Deserialize;

use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::mongo::indexes::ENTRY_ORG;

/// A submission of late.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RecentEntry {
    /// The name that was given, or the name of the file.
    #[serde(default)]
    pub name: String,
    /// The kind of data.
    pub typetag: String,
    /// The organisation that owns the data.
    pub orgid: String,
    /// The time at which it was accepted, in Unix seconds.
    pub timestamp: f64,
    /// Whether the archive daemon has processed it.
    #[serde(default)]
    pub processed: bool,
    /// Whether records of it were set aside.
    #[serde(default, rename = "bad_data")]
    pub bad: bool,
    /// The number of records, if it has many.
    #[serde(default)]
    pub records: Option<u32>,
}

impl Cache {
    /// Returns the newest submissions of these organisations, newest first.
    pub async fn recent(
        &self,
        orgs: &[String],
        limit: i64,
    ) -> Result<Vec<RecentEntry>, StoreError> {
        recent(orgs, limit).read(&self.entries).await
    }
}

pub(crate) fn recent(orgs: &[String], limit: i64) -> Find {
    let fields = doc! {
        "_id": 0, "name": 1, "typetag": 1, "orgid": 1, "timestamp": 1, "processed": 1, "bad_data": 1, "records": 1,
    };
    Find::new(
        "listing the newest submissions",
        ENTRY_ORG,
        doc! {"orgid": {"$in": orgs}},
    )
    .project(fields)
    .sort(doc! {"_id": -1})
    .limit(limit)
}
