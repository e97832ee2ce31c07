//! Sealed submissions that are older than the settings keep.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};

use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::{ENTRY_BAD, ID};
use crate::quarantine::selection::id_at;

const LOOKING: &str = "looking for submissions to remove";
const REMOVING: &str = "removing submissions";

/// The most entries of a step.
const STEP: i64 = 200;

/// Seconds for which submissions are kept, counted from when they were accepted; `None` for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CacheKeep {
    /// Those of which all records became raws.
    pub good_s: Option<f64>,
    /// Those with a record that was set aside.
    pub bad_s: Option<f64>,
}

/// Removes the entries, with their sealed files, that a cache need not keep any more.
#[derive(Debug)]
pub struct CacheSweep {
    cache: Cache,
    keep: CacheKeep,
    place: ObjectId,
}

impl CacheSweep {
    /// Makes a sweep, which begins with the oldest entry.
    pub fn new(cache: &Cache, keep: CacheKeep) -> Self {
        Self {
            cache: cache.clone(),
            keep,
            place: id_at(0.0),
        }
    }

    /// Looks at some entries, at this time in Unix seconds. Returns the number of those that were removed, or `None` at
    /// the end of a pass: the next step goes on with the entries that have become old since.
    pub async fn step(&mut self, now: f64) -> Result<Option<u64>, StoreError> {
        let mut removed = None;
        if let Some(keep) = self.keep.bad_s {
            let rows = bad(id_at(now - keep)).all(&self.cache.entries).await?;
            if !rows.is_empty() {
                removed = Some(self.cache.remove(&rows, doc! {"bad_data": true}).await?);
            }
        }
        if let Some(keep) = self.keep.good_s {
            let rows = after(self.place, id_at(now - keep));
            let rows = rows.all(&self.cache.entries).await?;
            let last = rows.last().and_then(|row| row.get_object_id("_id").ok());
            if let Some(last) = last {
                self.place = last;
                let good = doc! {"processed": true, "bad_data": {"$ne": true}};
                let good_rows = rows.into_iter().filter(|row| {
                    row.get_bool("processed").is_ok_and(|it| it)
                        && !row.get_bool("bad_data").is_ok_and(|it| it)
                });
                let good_rows: Vec<_> = good_rows.collect();
                let more = self.cache.remove(&good_rows, good).await?;
                removed = Some(removed.unwrap_or(0) + more);
            }
        }
        Ok(removed)
    }

    /// Begins a new pass, for entries that were not processed when the last pass met them.
    pub fn begin_again(&mut self) {
        self.place = id_at(0.0);
    }

    /// Returns the time of the oldest entry, in Unix seconds.
    pub async fn oldest(&self) -> Result<Option<f64>, StoreError> {
        let find = after(id_at(0.0), ObjectId::from_bytes([255; 12])).limit(1);
        let row = find.all(&self.cache.entries).await?.pop();
        let id = row.and_then(|row| row.get_object_id("_id").ok());
        Ok(id.map(|id| id.timestamp().timestamp_millis() as f64 / 1000.0))
    }
}

impl Cache {
    /// Removes these entries where they meet the condition, with their files. Files go first: an entry without a file can
    /// be removed again, but nobody would find a file without an entry.
    async fn remove(
        &self,
        rows: &[bson::RawDocumentBuf],
        condition: Document,
    ) -> Result<u64, StoreError> {
        let id = |field: &'static str| {
            let ids = rows
                .iter()
                .filter_map(move |row| row.get_object_id(field).ok());
            ids.map(Bson::from).collect::<Vec<_>>()
        };
        let (ids, fids) = (id("_id"), id("fid"));
        delete(&self.files, doc! {"_id": {"$in": &fids}}).await?;
        delete(&self.chunks, doc! {"files_id": {"$in": &fids}}).await?;
        let mut entries = doc! {"_id": {"$in": ids}};
        entries.extend(condition);
        delete(&self.entries, entries).await
    }

    /// Removes all entries of an organisation, processed or not, with their files. Reads all entries.
    #[cfg(feature = "inspect")]
    pub async fn forget_org(&self, orgid: &str) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let find = Find::new(LOOKING, ID, doc! {"orgid": orgid});
            let rows = find
                .project(fields())
                .limit(STEP)
                .all(&self.entries)
                .await?;
            if rows.is_empty() {
                return Ok(removed);
            }
            removed += self.remove(&rows, doc! {"orgid": orgid}).await?;
        }
    }
}

async fn delete(coll: &Documents, filter: Document) -> Result<u64, StoreError> {
    let delete = coll.named(REMOVING).delete_many(filter);
    Ok(delete.send().await?.deleted_count)
}

fn fields() -> Document {
    doc! {"fid": 1, "processed": 1, "bad_data": 1}
}

/// Finds the next entries that were made between these ids.
pub(crate) fn after(place: ObjectId, until: ObjectId) -> Find {
    Find::new(LOOKING, ID, doc! {"_id": {"$gt": place, "$lt": until}})
        .project(fields())
        .sort(doc! {"_id": 1})
        .limit(STEP)
}

/// Finds the oldest entries with a bad record that were made before this id.
pub(crate) fn bad(until: ObjectId) -> Find {
    Find::new(
        LOOKING,
        ENTRY_BAD,
        doc! {"bad_data": true, "_id": {"$lt": until}},
    )
    .project(fields())
    .sort(doc! {"_id": 1})
    .limit(STEP)
}
