//! Records that were set aside and that nobody wants any more, and where a raw that was refused came from.

use bson::oid::ObjectId;
use bson::{Document, doc};

use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::quarantine::list::{bad_entries, refused_raw, refused_raws};
use crate::quarantine::selection::{Selection, id_at};
use crate::raws::queue::Raws;

/// How long before a raw's timestamp, and how long after it, its entry is looked for, in seconds: the API takes the time
/// when a submission begins, and makes the entry when all of it is there.
const BEFORE_S: f64 = 2.0;
const AFTER_S: f64 = 60.0;

impl Cache {
    /// Deletes an entry that could not be opened, with its sealed bytes. False: it is not set aside.
    pub async fn delete_refused(&self, id: ObjectId) -> Result<bool, StoreError> {
        let find = Find::new(DELETING, ID, doc! {"_id": id, "bad_data": true}).limit(1);
        Ok(self.delete_entries(find).await? > 0)
    }

    /// Deletes the entries of the selection that could not be opened, with their sealed bytes; gives how many.
    pub async fn delete_all_refused(&self, selection: &Selection) -> Result<u64, StoreError> {
        self.delete_entries(bad_entries(selection)).await
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
                // an entry without a file can be deleted once more; a file without an entry is found by nobody
                delete(&self.files, doc! {"_id": fid}).await?;
                delete(&self.chunks, doc! {"files_id": fid}).await?;
            }
            deleted += delete(&self.entries, doc! {"_id": id, "bad_data": true}).await?;
        }
        Ok(deleted)
    }

    /// The name of the submission that the raw of this `_hash` was made of, which came in at this time, in Unix seconds.
    /// `None` where its entry is not there any more, or came more than a minute later. It reads the entries of that minute.
    pub async fn name_of(&self, raw: &str, timestamp: f64) -> Result<Option<String>, StoreError> {
        let find = made_of(raw, timestamp);
        let rows = find.read::<Document>(&self.entries).await?;
        let name = rows.first().and_then(|row| row.get_str("name").ok());
        Ok(name.map(str::to_owned))
    }
}

impl Raws {
    /// Deletes a raw that a filter refused; what another version of the filter made of it stays. False: it is not set aside.
    pub async fn delete_refused(&self, id: ObjectId) -> Result<bool, StoreError> {
        Ok(delete(&self.archive.coll, refused_raw(id)).await? > 0)
    }

    /// Deletes the raws of the selection with these typetags that a filter refused; gives how many.
    pub async fn delete_all_refused(
        &self,
        typetags: &[&str],
        selection: &Selection,
    ) -> Result<u64, StoreError> {
        delete(&self.archive.coll, refused_raws(typetags, selection).filter).await
    }
}

const DELETING: &str = "deleting what was set aside";

async fn delete(coll: &Documents, filter: Document) -> Result<u64, StoreError> {
    let delete = coll.named(DELETING).delete_many(filter);
    Ok(delete.send().await?.deleted_count)
}

fn made_of(hash: &str, timestamp: f64) -> Find {
    let around = doc! {"$gte": id_at(timestamp - BEFORE_S), "$lt": id_at(timestamp + AFTER_S)};
    let filter = doc! {"_id": around, "_ref": hash};
    Find::new("looking for a raw's submission", ID, filter)
        .project(doc! {"name": 1})
        .limit(1)
}
