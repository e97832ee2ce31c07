//! Quarantined records: entries that could not be opened, and raws that a filter refused. A person lists them, views
//! them, and has them tried again.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use mongodb::options::Hint;
use serde_json::Value;

use crate::archive::ids::RawId;
use crate::cache::open::Cache;
use crate::error::{Doing, StoreError};
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::{ENTRY_BAD, ID, RAW_ERROR};
use crate::quarantine::record_id::EntryRecordId;
use crate::quarantine::records::PartlyBad;
use crate::quarantine::selection::Selection;
use crate::raws::queue::Raws;

const SHOWING: &str = "reading a quarantined record";
/// Digits of a raw's hash that are shown as its id.
const SHORT: usize = 16;
/// The most raws of one hash that are shown.
const SHOWN: i64 = 100;

/// A quarantined record.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// The typetag under which it was submitted.
    pub typetag: String,
    /// The id of an entry or of one of its records, as [`EntryRecordId`] writes it, or the first 16 digits of the `_hash`
    /// of a raw.
    pub id: String,
    /// The part that refused it: the archive daemon, or a filter's id.
    pub by: String,
    /// The reason.
    pub reason: String,
    /// The organisation that owns the data, as named in the submission.
    pub orgid: String,
    /// The time at which it was accepted, in Unix seconds; to the second for raws of the Python archive.
    pub timestamp: f64,
    /// The name of an entry's submission, such as a file name.
    pub name: Option<String>,
    /// The `_hash` of a raw.
    pub hash: Option<String>,
}

impl Cache {
    /// Returns the entries that the archive daemon could not open, newest first, at most `limit`; 0 for all.
    pub async fn refused(&self, limit: i64) -> Result<Vec<Refused>, StoreError> {
        self.refused_of(&Selection::default(), limit).await
    }

    /// Returns the selected ones of these entries.
    pub async fn refused_of(
        &self,
        selection: &Selection,
        limit: i64,
    ) -> Result<Vec<Refused>, StoreError> {
        let find = bad_entries(selection).sort(doc! {"_id": -1}).limit(limit);
        let most = usize::try_from(limit).ok().filter(|limit| *limit > 0);
        let mut all = Vec::new();
        each(&self.entries, find.project(entry_fields()), |row| {
            let room = most.map_or(usize::MAX, |most| most - all.len().min(most));
            all.extend(refused_entries(row, selection).take(room));
        })
        .await?;
        Ok(all)
    }

    /// Reads all selected entries that the archive daemon could not open, one after the other, in constant memory.
    pub async fn each_refused(
        &self,
        selection: &Selection,
        mut take: impl FnMut(Refused),
    ) -> Result<(), StoreError> {
        let find = bad_entries(selection).project(entry_fields());
        each(&self.entries, find, |row| {
            refused_entries(row, selection).for_each(&mut take);
        })
        .await
    }

    /// Counts the records that the archive daemon could not open.
    pub async fn count_refused(&self) -> Result<u64, StoreError> {
        let whole = whole_entries(&Selection::default());
        let mut count = whole.count(&self.entries).await?;
        let partly = partly_bad(&Selection::default()).project(doc! {"bad.n": 1});
        each(&self.entries, partly, |row| {
            count += row.get_array("bad").map_or(0, Vec::len) as u64;
        })
        .await?;
        Ok(count)
    }

    /// Returns the document of an entry that could not be opened, as extended JSON.
    pub async fn refused_entry(&self, id: ObjectId) -> Result<Option<Value>, StoreError> {
        document(&self.entries, doc! {"_id": id, "bad_data": true}).await
    }

    /// Has the archive daemon try an entry again, or all records of it that are quarantined. Returns false if there are
    /// none.
    pub async fn retry(&self, id: ObjectId) -> Result<bool, StoreError> {
        let whole = doc! {"_id": id, "bad_data": true, "bad": {"$exists": false}};
        if self.retry_entries(whole, ID).await? > 0 {
            return Ok(true);
        }
        let find = Find::new(SHOWING, ID, doc! {"_id": id, "bad_data": true}).limit(1);
        Ok(self.retry_parts(find, &Selection::default()).await? > 0)
    }

    /// Has the archive daemon try all selected records again that it could not open. Returns their number.
    pub async fn retry_all(&self, selection: &Selection) -> Result<u64, StoreError> {
        let whole = whole_entries(selection).filter;
        let whole = self.retry_entries(whole, ENTRY_BAD).await?;
        Ok(whole + self.retry_parts(partly_bad(selection), selection).await?)
    }

    async fn retry_entries(&self, filter: Document, hint: &str) -> Result<u64, StoreError> {
        let again = doc! {
            "$set": {"processed": false}, "$unset": {"bad_data": "", "error": "", "killed": ""},
        };
        update(&self.entries, filter, again, hint).await
    }

    /// Has the selected records of entries that have many tried again.
    async fn retry_parts(&self, find: Find, selection: &Selection) -> Result<u64, StoreError> {
        let mut again = 0;
        let mut rows = find.project(doc! {"bad": 1}).rows(&self.entries).await?;
        while let Some(row) = rows.next().await? {
            let row = Document::try_from(&row).unwrap_or_default();
            let entry = PartlyBad::read(&row).map(|entry| entry.selected(selection));
            if let Some(entry) = entry.filter(|entry| !entry.bad.is_empty()) {
                self.retry_records(&entry).await?;
                again += entry.bad.len() as u64;
            }
        }
        Ok(again)
    }
}

impl Raws {
    /// Returns the raws with these typetags that a filter refused, newest first, at most `limit`; 0 for all.
    pub async fn refused(&self, typetags: &[&str], limit: i64) -> Result<Vec<Refused>, StoreError> {
        self.refused_of(typetags, &Selection::default(), limit)
            .await
    }

    /// Returns the selected ones of these raws.
    pub async fn refused_of(
        &self,
        typetags: &[&str],
        selection: &Selection,
        limit: i64,
    ) -> Result<Vec<Refused>, StoreError> {
        let find = refused_raws(typetags, selection);
        let find = find.sort(doc! {"timestamp": -1}).limit(limit);
        let mut all = Vec::new();
        each(&self.archive.coll, find.project(raw_fields()), |row| {
            all.extend(refused_row(row));
        })
        .await?;
        Ok(all)
    }

    /// Reads all selected raws that a filter refused, one after the other, in constant memory.
    pub async fn each_refused(
        &self,
        typetags: &[&str],
        selection: &Selection,
        mut take: impl FnMut(Refused),
    ) -> Result<(), StoreError> {
        let find = refused_raws(typetags, selection).project(raw_fields());
        each(&self.archive.coll, find, |row| {
            if let Some(refused) = refused_row(row) {
                take(refused);
            }
        })
        .await
    }

    /// Counts the raws with these typetags that a filter refused.
    pub async fn count_refused(&self, typetags: &[&str]) -> Result<u64, StoreError> {
        refused_raws(typetags, &Selection::default())
            .count(&self.archive.coll)
            .await
    }

    /// Returns the documents of the refused raws whose hash begins with these bytes, as extended JSON: one for each
    /// organisation that submitted a raw.
    pub async fn refused_raw(&self, hash: &[u8]) -> Result<Vec<Value>, StoreError> {
        let find = Find::new(SHOWING, ID, refused_raw(hash)).limit(SHOWN);
        let raws: Vec<Document> = find.read(&self.archive.coll).await?;
        let shown = raws.into_iter().map(|raw| readable(raw.into()));
        shown
            .map(|raw| bson::deserialize_from_bson(raw).doing(SHOWING))
            .collect()
    }

    /// Has the filters that refused a raw read it again; the raw is given by the beginning of its hash. Returns false if
    /// none is quarantined.
    pub async fn retry(&self, hash: &[u8]) -> Result<bool, StoreError> {
        Ok(self.retry_raws(refused_raw(hash), ID).await? > 0)
    }

    /// Has the filters read all selected raws again that they refused. Returns their number.
    pub async fn retry_all(
        &self,
        typetags: &[&str],
        selection: &Selection,
    ) -> Result<u64, StoreError> {
        let filter = refused_raws(typetags, selection).filter;
        self.retry_raws(filter, RAW_ERROR).await
    }

    pub(crate) async fn retry_raws(&self, filter: Document, hint: &str) -> Result<u64, StoreError> {
        let doing = "having records tried again";
        let retrying = self.archive.coll.named(doing).update_many(filter, again());
        let update = retrying.with(|update| update.hint(Hint::Name(hint.to_owned())));
        Ok(update.send().await?.modified_count)
    }
}

/// Writes binary values as hexadecimal text, for JSON has none.
pub(crate) fn readable(value: Bson) -> Bson {
    match value {
        Bson::Binary(binary) => {
            let digits = binary.bytes.iter().map(|byte| format!("{byte:02x}"));
            Bson::String(digits.collect())
        }
        Bson::Array(items) => Bson::Array(items.into_iter().map(readable).collect()),
        Bson::Document(fields) => {
            let fields = fields.into_iter();
            Bson::Document(
                fields
                    .map(|(name, field)| (name, readable(field)))
                    .collect(),
            )
        }
        other => other,
    }
}

/// Makes the update by which a raw waits again for the filters that refused it, and for no other.
pub(crate) fn again() -> Vec<Document> {
    // a document that is no raw may have anything as `_error`
    let refusals = doc! {"$cond": [{"$isArray": "$_error"}, "$_error", []]};
    let refused = doc! {"$map": {"input": refusals, "as": "one", "in": "$$one.filter"}};
    let names = doc! {"$map": {
        "input": "$refused", "as": "id", "in": {"$arrayElemAt": [{"$split": ["$$id", "@"]}, 0]},
    }};
    vec![
        doc! {"$set": {"refused": refused}},
        doc! {"$set": {
            "_todo": {"$setUnion": [{"$ifNull": ["$_todo", []]}, names]},
            "filters": {"$filter": {
                "input": {"$ifNull": ["$filters", []]}, "as": "id",
                "cond": {"$not": [{"$in": ["$$id", "$refused"]}]},
            }},
        }},
        doc! {"$unset": ["_error", "_valid", "refused"]},
    ]
}

/// Finds the entries that hold selected records.
pub(crate) fn bad_entries(selection: &Selection) -> Find {
    let mut filter = doc! {"bad_data": true};
    let mut conditions = selection.conditions("typetag", "error");
    if let Some(reason) = conditions.remove("error") {
        let either = doc! {"$or": [{"error": &reason}, {"bad.reason": &reason}]};
        filter.insert("$and", vec![either]);
    }
    filter.extend(conditions);
    Find::new("listing bad entries", ENTRY_BAD, filter)
}

/// Finds the entries that were set aside as a whole.
pub(crate) fn whole_entries(selection: &Selection) -> Find {
    let mut find = bad_entries(selection);
    find.filter.insert("bad", doc! {"$exists": false});
    find
}

/// Finds the entries of which some records were set aside.
pub(crate) fn partly_bad(selection: &Selection) -> Find {
    let mut find = bad_entries(selection);
    find.filter.insert("bad", doc! {"$exists": true});
    find
}

pub(crate) fn refused_raws(typetags: &[&str], selection: &Selection) -> Find {
    let typetags: Vec<&str> = match &selection.typetag {
        None => typetags.to_vec(),
        // the index also serves a single typetag; of one that no filter reads there are no refused raws
        Some(only) => typetags.iter().copied().filter(|tag| tag == only).collect(),
    };
    let mut filter = doc! {"_error": {"$exists": true}};
    let selection = Selection {
        typetag: None,
        ..selection.clone()
    };
    filter.extend(selection.conditions("sub_type", "_error.reason"));
    filter.insert("sub_type", doc! {"$in": typetags});
    Find::new("listing refused raws", RAW_ERROR, filter)
}

/// Makes the condition of refused raws whose hash begins with these bytes.
pub(crate) fn refused_raw(hash: &[u8]) -> Document {
    doc! {"_id": RawId::begins(hash), "_error": {"$exists": true}}
}

pub(crate) fn entry_fields() -> Document {
    doc! {"typetag": 1, "error": 1, "orgid": 1, "timestamp": 1, "name": 1, "bad": 1}
}

pub(crate) fn raw_fields() -> Document {
    doc! {"sub_type": 1, "_error": 1, "orgid": 1, "timestamp": 1, "_hash": 1}
}

/// Returns the entry, or the selected ones of its records.
pub(crate) fn refused_entries(
    row: &Document,
    selection: &Selection,
) -> impl Iterator<Item = Refused> {
    let of = |id: EntryRecordId, reason: String| {
        let text = |field| row.get_str(field).unwrap_or_default().to_owned();
        Refused {
            typetag: text("typetag"),
            id: id.to_string(),
            by: "archive".to_owned(),
            reason,
            orgid: text("orgid"),
            timestamp: taken_in(row, id.id),
            name: Some(text("name")),
            hash: None,
        }
    };
    let all: Vec<Refused> = match PartlyBad::read(row) {
        Some(entry) => {
            let PartlyBad { id, bad } = entry.selected(selection);
            let id = |n| EntryRecordId { id, n: Some(n) };
            bad.into_iter()
                .map(|bad| of(id(bad.n), bad.reason))
                .collect()
        }
        None => {
            let reason = row.get_str("error").unwrap_or_default().to_owned();
            let id = row.get_object_id("_id").ok();
            id.map(|id| of(id.into(), reason)).into_iter().collect()
        }
    };
    all.into_iter()
}

pub(crate) fn refused_row(row: &Document) -> Option<Refused> {
    let errors = row.get_array("_error").ok();
    let last = errors.and_then(|errors| errors.last()?.as_document());
    let error = |field| {
        let text = last.and_then(|error| error.get_str(field).ok());
        text.unwrap_or_default().to_owned()
    };
    let hash = row.get_str("_hash").ok()?;
    Some(Refused {
        typetag: row.get_str("sub_type").ok()?.to_owned(),
        id: hash.get(..SHORT).unwrap_or(hash).to_owned(),
        by: error("filter"),
        reason: error("reason"),
        orgid: row.get_str("orgid").unwrap_or_default().to_owned(),
        timestamp: row.get_f64("timestamp").unwrap_or_default(),
        name: None,
        hash: Some(hash.to_owned()),
    })
}

/// Returns the time at which a document was accepted, in Unix seconds. Without one, returns the time in its id.
fn taken_in(row: &Document, id: ObjectId) -> f64 {
    let made = || id.timestamp().timestamp_millis() as f64 / 1000.0;
    row.get_f64("timestamp").unwrap_or_else(|_| made())
}

async fn each(
    coll: &Documents,
    find: Find,
    mut take: impl FnMut(&Document),
) -> Result<(), StoreError> {
    let mut rows = find.rows(coll).await?;
    while let Some(row) = rows.next().await? {
        if let Ok(row) = Document::try_from(&row) {
            take(&row);
        }
    }
    Ok(())
}

async fn document(coll: &Documents, filter: Document) -> Result<Option<Value>, StoreError> {
    let find = Find::new(SHOWING, ID, filter).limit(1);
    Ok(find.read(coll).await?.pop())
}

async fn update(
    coll: &Documents,
    filter: Document,
    update: Document,
    hint: &str,
) -> Result<u64, StoreError> {
    let retrying = coll.named("having records tried again");
    let update = retrying.update_many(filter, update);
    let update = update.with(|update| update.hint(Hint::Name(hint.to_owned())));
    Ok(update.send().await?.modified_count)
}
