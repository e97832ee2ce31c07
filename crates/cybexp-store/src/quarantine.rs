//! Records that were set aside: entries that could not be opened, and raws that a filter refused. A person lists
//! them, looks at them, and has them tried again.

use bson::oid::ObjectId;
use bson::{Document, doc};
use mongodb::options::Hint;
use serde_json::Value;

use crate::archive::missing::Archive;
use crate::cache::queue::Cache;
use crate::error::{Doing, StoreError};
use crate::mongo::collection::Raws;
use crate::mongo::find::Find;
use crate::mongo::indexes::{ENTRY_BAD, ID, RAW_PENDING};

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

impl Cache {
    /// Entries that the archive could not open, at most `limit`; 0: all.
    pub async fn refused(&self, limit: i64) -> Result<Vec<Refused>, StoreError> {
        let find = bad_entries()
            .project(doc! {"typetag": 1, "error": 1})
            .limit(limit);
        list(&self.entries, find, |row| {
            Some(Refused {
                typetag: row.get_str("typetag").unwrap_or_default().to_owned(),
                id: row.get_object_id("_id").ok()?.to_hex(),
                by: "archive".to_owned(),
                reason: row.get_str("error").unwrap_or_default().to_owned(),
            })
        })
        .await
    }

    /// How many entries the archive could not open.
    pub async fn count_refused(&self) -> Result<u64, StoreError> {
        bad_entries().count(&self.entries).await
    }

    /// The document of an entry that could not be opened, as extended JSON.
    pub async fn refused_entry(&self, id: ObjectId) -> Result<Option<Value>, StoreError> {
        document(&self.entries, doc! {"_id": id, "bad_data": true}).await
    }

    /// Has the archive try an entry again. False: it is not set aside.
    pub async fn retry(&self, id: ObjectId) -> Result<bool, StoreError> {
        let filter = doc! {"_id": id, "bad_data": true};
        Ok(self.retry_entries(filter, ID).await? > 0)
    }

    /// Has the archive try all entries again that it could not open, or those of one typetag; gives how many.
    pub async fn retry_all(&self, typetag: Option<&str>) -> Result<u64, StoreError> {
        let mut filter = bad_entries().filter;
        if let Some(typetag) = typetag {
            filter.insert("typetag", typetag);
        }
        self.retry_entries(filter, ENTRY_BAD).await
    }

    async fn retry_entries(&self, filter: Document, hint: &str) -> Result<u64, StoreError> {
        let again = doc! {"$set": {"processed": false}, "$unset": {"bad_data": "", "error": ""}};
        update(&self.entries, filter, again, hint).await
    }
}

impl Archive {
    /// Raws with these typetags that a filter refused, at most `limit`; 0: all.
    pub async fn refused(&self, typetags: &[&str], limit: i64) -> Result<Vec<Refused>, StoreError> {
        let find = refused_raws(typetags)
            .project(doc! {"sub_type": 1, "_error": 1})
            .limit(limit);
        list(&self.coll, find, |row| {
            // raws of the Python archive do not say who refused them and why
            let text = |field| {
                let error = row.get_document("_error").ok();
                let text = error.and_then(|error| error.get_str(field).ok());
                text.unwrap_or_default().to_owned()
            };
            Some(Refused {
                typetag: row.get_str("sub_type").ok()?.to_owned(),
                id: row.get_object_id("_id").ok()?.to_hex(),
                by: text("filter"),
                reason: text("reason"),
            })
        })
        .await
    }

    /// How many raws with these typetags a filter refused.
    pub async fn count_refused(&self, typetags: &[&str]) -> Result<u64, StoreError> {
        refused_raws(typetags).count(&self.coll).await
    }

    /// The document of a raw that a filter refused, as extended JSON.
    pub async fn refused_raw(&self, id: ObjectId) -> Result<Option<Value>, StoreError> {
        document(&self.coll, refused_raw(id)).await
    }

    /// Has the filters of a raw's typetag see it again. False: it is not set aside.
    pub async fn retry(&self, id: ObjectId) -> Result<bool, StoreError> {
        Ok(self.retry_raws(refused_raw(id), ID).await? > 0)
    }

    /// Has the filters see all refused raws with these typetags again; gives how many.
    pub async fn retry_all(&self, typetags: &[&str]) -> Result<u64, StoreError> {
        self.retry_raws(refused_raws(typetags).filter, RAW_PENDING)
            .await
    }

    async fn retry_raws(&self, filter: Document, hint: &str) -> Result<u64, StoreError> {
        let again = doc! {"$unset": {"_valid": "", "_error": "", "filters": ""}};
        update(&self.coll, filter, again, hint).await
    }
}

fn bad_entries() -> Find {
    Find::new("listing bad entries", ENTRY_BAD, doc! {"bad_data": true})
}

fn refused_raws(typetags: &[&str]) -> Find {
    let filter = doc! {"itype": "raw", "sub_type": {"$in": typetags}, "_valid": false};
    Find::new("listing refused raws", RAW_PENDING, filter)
}

fn refused_raw(id: ObjectId) -> Document {
    doc! {"_id": id, "itype": "raw", "_valid": false}
}

async fn list(
    coll: &Raws,
    find: Find,
    refused: impl Fn(&Document) -> Option<Refused>,
) -> Result<Vec<Refused>, StoreError> {
    let rows: Vec<Document> = find.read(coll).await?;
    Ok(rows.iter().filter_map(refused).collect())
}

async fn document(coll: &Raws, filter: Document) -> Result<Option<Value>, StoreError> {
    let find = Find::new("reading what was set aside", ID, filter).limit(1);
    Ok(find.read(coll).await?.pop())
}

async fn update(
    coll: &Raws,
    filter: Document,
    update: Document,
    hint: &str,
) -> Result<u64, StoreError> {
    let updated = coll.update_many(filter, update);
    let updated = updated.hint(Hint::Name(hint.to_owned())).await;
    Ok(updated.doing("having records tried again")?.modified_count)
}
