//! Finding inconsistent parts of the cache, for tests and checks after crashes. It reads all ids into memory, so no
//! daemon uses it.

use std::collections::HashSet;

use bson::oid::ObjectId;
use bson::{Document, doc};

use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::collection::Documents;

/// Numbers of inconsistent parts of the cache.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct LooseEnds {
    /// Entries whose file does not exist.
    pub entries_without_file: usize,
    /// Files that no entry names.
    pub files_without_entry: usize,
    /// Files that exist only as chunks.
    pub chunks_without_file: usize,
}

impl Cache {
    /// Counts the inconsistent parts.
    pub async fn loose_ends(&self) -> Result<LooseEnds, StoreError> {
        let entries = ids(&self.entries, "$fid").await?;
        let files = ids(&self.files, "$_id").await?;
        let chunks = ids(&self.chunks, "$files_id").await?;
        Ok(LooseEnds {
            entries_without_file: entries.difference(&files).count(),
            files_without_entry: files.difference(&entries).count(),
            chunks_without_file: chunks.difference(&files).count(),
        })
    }
}

/// Returns all values of a field.
async fn ids(coll: &Documents, field: &str) -> Result<HashSet<ObjectId>, StoreError> {
    let looking = coll.named("looking for loose ends");
    let group = looking.aggregate([doc! {"$group": {"_id": field}}]);
    let rows: Vec<Document> = group.rows().await?.read().await?;
    Ok(rows
        .iter()
        .filter_map(|row| row.get_object_id("_id").ok())
        .collect())
}
