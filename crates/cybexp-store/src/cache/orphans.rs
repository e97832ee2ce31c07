//! Deleting chunks without a file.
//!
//! The chunks of a large submission are written before its file, because a transaction of all of it may not fit in the
//! server's cache. A process that dies in between leaves chunks that nothing names. Their ids tell when they were made.

use std::collections::HashSet;

use bson::doc;
use bson::oid::ObjectId;

use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::mongo::indexes::{CHUNK_FILE, ID};
use crate::quarantine::selection::id_at;

/// The chunks that are looked at together.
const PAGE: i64 = 5000;

impl Cache {
    /// Deletes the chunks without a file whose ids were made in this range of Unix seconds. Returns the number of files
    /// that were begun. The end must be so long ago that nobody writes such a file any more.
    pub async fn sweep_orphans(&self, from: f64, until: f64) -> Result<u64, StoreError> {
        let (mut after, until) = (id_at(from), id_at(until));
        let mut swept = 0;
        loop {
            let rows = begun(after, until).all(&self.chunks).await?;
            let ids = rows
                .iter()
                .filter_map(|row| row.get_object_id("files_id").ok());
            let ids: HashSet<ObjectId> = ids.collect();
            let Some(last) = ids.iter().max() else {
                return Ok(swept);
            };
            after = *last;
            let known = named(&ids).all(&self.files).await?;
            let known = known.iter().filter_map(|row| row.get_object_id("_id").ok());
            let known: HashSet<ObjectId> = known.collect();
            let orphans: Vec<ObjectId> = ids.difference(&known).copied().collect();
            if !orphans.is_empty() {
                self.delete_chunks(&orphans).await?;
                swept += orphans.len() as u64;
            }
        }
    }

    pub(super) async fn delete_chunks(&self, fids: &[ObjectId]) -> Result<(), StoreError> {
        let deleting = self.chunks.named("deleting chunks without a file");
        let delete = deleting.delete_many(doc! {"files_id": {"$in": fids}});
        delete.send().await.map(drop)
    }
}

/// Finds chunks in the order of their files.
pub(crate) fn begun(after: ObjectId, until: ObjectId) -> Find {
    let range = doc! {"files_id": {"$gt": after, "$lt": until}};
    Find::new("looking for chunks without a file", CHUNK_FILE, range)
        .project(doc! {"_id": 0, "files_id": 1})
        .sort(doc! {"files_id": 1, "n": 1})
        .limit(PAGE)
}

fn named(ids: &HashSet<ObjectId>) -> Find {
    let ids: Vec<ObjectId> = ids.iter().copied().collect();
    Find::new(
        "looking for the files of chunks",
        ID,
        doc! {"_id": {"$in": ids}},
    )
    .project(doc! {"_id": 1})
}
