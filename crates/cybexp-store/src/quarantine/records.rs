//! Quarantined records of submissions that have many.
//!
//! Such an entry names in `bad` the records that were set aside, and the others are stored. To have records read again, the
//! entry names them in `again` and is pending once more.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use serde_json::Value;

use crate::cache::entry::BadRecord;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::quarantine::selection::Selection;

/// An entry that names bad records.
#[derive(Debug)]
pub(crate) struct PartlyBad {
    pub(crate) id: ObjectId,
    pub(crate) bad: Vec<BadRecord>,
}

impl PartlyBad {
    /// Reads an entry; `None` if the whole entry was set aside.
    pub(crate) fn read(row: &Document) -> Option<Self> {
        let bad = row.get_array("bad").ok()?;
        let bad = bad.iter().filter_map(|bad| {
            let bad = bson::deserialize_from_bson(bad.clone());
            bad.ok()
        });
        Some(Self {
            id: row.get_object_id("_id").ok()?,
            bad: bad.collect(),
        })
    }

    /// Keeps the records whose reason is selected.
    pub(crate) fn selected(mut self, selection: &Selection) -> Self {
        if let Some(text) = &selection.reason {
            let text = text.to_lowercase();
            self.bad
                .retain(|bad| bad.reason.to_lowercase().contains(&text));
        }
        self
    }

    fn numbers(&self) -> Vec<u32> {
        self.bad.iter().map(|bad| bad.n).collect()
    }
}

impl Cache {
    /// Returns the document of an entry with one of its records that were set aside, as extended JSON: its number and
    /// reason are the fields `n` and `reason`.
    pub async fn refused_record(&self, id: ObjectId, n: u32) -> Result<Option<Value>, StoreError> {
        let find = Find::new("reading a record that was set aside", ID, of_record(id, n));
        let shown = doc! {
            "name": 1, "typetag": 1, "orgid": 1, "timezone": 1, "timestamp": 1, "processed": 1, "fid": 1,
            "records": 1, "bad": {"$elemMatch": {"n": i64::from(n)}},
        };
        let mut found: Vec<Value> = find.project(shown).limit(1).read(&self.entries).await?;
        let Some(mut entry) = found.pop() else {
            return Ok(None);
        };
        let bad = entry["bad"][0].take();
        if let Some(entry) = entry.as_object_mut() {
            entry.remove("bad");
            entry.insert("n".to_owned(), n.into());
            entry.insert("reason".to_owned(), bad["reason"].clone());
        }
        Ok(Some(entry))
    }

    /// Has the archive daemon read a record again. Returns false if it is not quarantined.
    pub async fn retry_record(&self, id: ObjectId, n: u32) -> Result<bool, StoreError> {
        let one = PartlyBad {
            id,
            bad: vec![BadRecord {
                n,
                reason: String::new(),
            }],
        };
        let found = of_record(id, n);
        let found = Find::new("looking for a bad record", ID, found).limit(1);
        match found.count(&self.entries).await? {
            0 => Ok(false),
            _ => self.retry_records(&one).await.map(|()| true),
        }
    }

    /// Takes a record out of the quarantine for good. Returns false if it is not quarantined. Its sealed bytes stay until
    /// those of its submission are deleted.
    pub async fn delete_refused_record(&self, id: ObjectId, n: u32) -> Result<bool, StoreError> {
        Ok(self.drop_records(of_record(id, n), &[n]).await? > 0)
    }

    pub(crate) async fn retry_records(&self, entry: &PartlyBad) -> Result<(), StoreError> {
        let numbers = Bson::from_iter(entry.numbers().into_iter().map(i64::from));
        let again = doc! {
            "$addToSet": {"again": {"$each": numbers}},
            "$set": {"processed": false},
            "$unset": {"bad_data": "", "killed": ""},
        };
        let retrying = self.entries.named("having records tried again");
        let it = doc! {"_id": entry.id, "bad": {"$exists": true}};
        retrying.update_one(it, again).send().await.map(drop)
    }

    pub(crate) async fn delete_records(&self, entry: &PartlyBad) -> Result<u64, StoreError> {
        let it = doc! {"_id": entry.id, "bad_data": true};
        let numbers = entry.numbers();
        match self.drop_records(it, &numbers).await? {
            0 => Ok(0),
            _ => Ok(numbers.len() as u64),
        }
    }

    /// Drops the records of these numbers from the list of an entry. Returns the number of changed entries.
    async fn drop_records(&self, filter: Document, numbers: &[u32]) -> Result<u64, StoreError> {
        let numbers = Bson::from_iter(numbers.iter().map(|n| i64::from(*n)));
        let rest = doc! {"$filter": {
            "input": "$bad", "cond": {"$not": [{"$in": ["$$this.n", numbers]}]},
        }};
        let none = doc! {"$eq": ["$bad", []]};
        let unless_none = |field| doc! {"$cond": [&none, "$$REMOVE", field]};
        let update = vec![
            doc! {"$set": {"bad": rest}},
            doc! {"$set": {"bad_data": unless_none("$bad_data"), "bad": unless_none("$bad")}},
        ];
        let dropping = self.entries.named("deleting what was set aside");
        let dropped = dropping.update_one(filter, update).send().await?;
        Ok(dropped.modified_count)
    }
}

/// Matches the entry if its record of this number was set aside.
fn of_record(id: ObjectId, n: u32) -> Document {
    doc! {"_id": id, "bad_data": true, "bad.n": i64::from(n)}
}
