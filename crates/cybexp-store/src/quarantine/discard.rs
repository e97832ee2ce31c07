//! Deleting quarantined records, and finding the submission of a refused raw.

use bson::oid::ObjectId;
use bson::{Document, doc};

use crate::cache::entry::raws_of;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::graph::write::replace::JudgedEvents;
use crate::graph::write::writer::GraphWriter;
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::mongo::row::Row;
use crate::quarantine::list::{partly_bad, refused_raw, refused_raws, whole_entries};
use crate::quarantine::records::PartlyBad;
use crate::quarantine::selection::{Selection, id_at};
use crate::raws::queue::Raws;
use crate::sweep::raws::{self, OldRaw};

/// Time in seconds, before and after a raw's timestamp, in which its entry is searched. The API takes the timestamp
/// when a submission begins, and makes the entry when the submission is complete.
const BEFORE_S: f64 = 2.0;
const AFTER_S: f64 = 60.0;
/// The most raws that are deleted together.
const TOGETHER: i64 = 200;

impl Cache {
    /// Deletes an entry that could not be opened, with its sealed bytes. Returns false if it is not quarantined.
    pub async fn delete_refused(&self, id: ObjectId) -> Result<bool, StoreError> {
        let find = Find::new(DELETING, ID, doc! {"_id": id, "bad_data": true}).limit(1);
        Ok(self.delete_entries(find).await? > 0)
    }

    /// Deletes the selected records that could not be opened, and returns their number. Entries that were set aside as a
    /// whole go with their sealed bytes.
    pub async fn delete_all_refused(&self, selection: &Selection) -> Result<u64, StoreError> {
        let mut deleted = self.delete_entries(whole_entries(selection)).await?;
        let partly = partly_bad(selection).project(doc! {"bad": 1});
        let mut rows = partly.rows(&self.entries).await?;
        while let Some(row) = rows.next().await? {
            let row = Document::try_from(&row).unwrap_or_default();
            if let Some(entry) = PartlyBad::read(&row) {
                deleted += self.delete_records(&entry.selected(selection)).await?;
            }
        }
        Ok(deleted)
    }

    async fn delete_entries(&self, find: Find) -> Result<u64, StoreError> {
        let find = find.project(doc! {"fid": 1, "bad_data": 1});
        let mut rows = find.rows(&self.entries).await?;
        let mut deleted = 0;
        while let Some(row) = rows.next().await? {
            let Ok(id) = row.get_object_id("_id") else {
                continue;
            };
            if let Ok(fid) = row.get_object_id("fid") {
                // an entry without a file can be deleted again, but a file without an entry would never be found
                delete(&self.files, doc! {"_id": fid}).await?;
                delete(&self.chunks, doc! {"files_id": fid}).await?;
            }
            deleted += delete(&self.entries, doc! {"_id": id, "bad_data": true}).await?;
        }
        Ok(deleted)
    }

    /// Returns the name of the submission from which the raw of this `_hash` was made, which was accepted at this time
    /// in Unix seconds. `None` if its entry does not exist any more, or was made more than a minute later. It reads the
    /// entries of that minute.
    pub async fn name_of(&self, raw: &str, timestamp: f64) -> Result<Option<String>, StoreError> {
        let mut rows = made_of(raw, timestamp).rows(&self.entries).await?;
        while let Some(row) = rows.next().await? {
            let row = Document::try_from(&row).unwrap_or_default();
            let raws = row.get_binary_generic("raws");
            let holds = |raws: &Vec<u8>| raws_of(raws).iter().flatten().any(|hash| hash == raw);
            if raws.map_or(true, holds) {
                return Ok(row.get_str("name").ok().map(str::to_owned));
            }
        }
        Ok(None)
    }
}

impl Raws {
    /// Deletes a raw that a filter refused, given by the beginning of its hash, with the events that other filters made of it
    /// and no other raw makes. Returns false if none is quarantined.
    pub async fn delete_refused(&self, hash: &[u8]) -> Result<bool, StoreError> {
        let find = Find::new(DELETING, ID, refused_raw(hash));
        Ok(self.delete_raws(&find).await? > 0)
    }

    /// Deletes the selected raws with these typetags that a filter refused as [`Raws::delete_refused`] does, and returns their
    /// number.
    pub async fn delete_all_refused(
        &self,
        typetags: &[&str],
        selection: &Selection,
    ) -> Result<u64, StoreError> {
        self.delete_raws(&refused_raws(typetags, selection)).await
    }

    async fn delete_raws(&self, find: &Find) -> Result<u64, StoreError> {
        let writer = GraphWriter::new(&self.archive);
        let mut deleted = 0;
        loop {
            let fields = doc! {"_id": 1, "timestamp": 1, "filters": 1, "_todo": 1};
            let part = find.clone().project(fields).limit(TOGETHER);
            let rows: Vec<Row<OldRaw>> = part.each(&self.archive.coll).await?;
            if rows.is_empty() {
                return Ok(deleted);
            }
            let refused = |row: &Row<OldRaw>| doc! {"_id": &row.id, "_error": {"$exists": true}};
            let conditions: Vec<Document> = rows.iter().map(refused).collect();
            // a document that is no raw has made nothing
            let raws: Vec<OldRaw> = rows.into_iter().filter_map(|row| row.read.ok()).collect();
            let (archive, stay) = (&self.archive, JudgedEvents::Stay);
            let removed = raws::remove_where(archive, &writer, &raws, &conditions, stay).await?;
            if removed.raws == 0 {
                // others had all of these read again
                return Ok(deleted);
            }
            deleted += removed.raws;
        }
    }
}

const DELETING: &str = "deleting what was set aside";

async fn delete(coll: &Documents, filter: Document) -> Result<u64, StoreError> {
    let delete = coll.named(DELETING).delete_many(filter);
    Ok(delete.send().await?.deleted_count)
}

fn made_of(hash: &str, timestamp: f64) -> Find {
    let around = doc! {"$gte": id_at(timestamp - BEFORE_S), "$lt": id_at(timestamp + AFTER_S)};
    // many records have the timestamp of their submission, and their hashes cannot be searched
    let either = vec![
        doc! {"_ref": hash},
        doc! {"timestamp": timestamp, "raws": {"$exists": true}},
    ];
    Find::new(
        "looking for a raw's submission",
        ID,
        doc! {"_id": around, "$or": either},
    )
    .project(doc! {"name": 1, "raws": 1})
}
