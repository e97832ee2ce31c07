//! The cache: entries, their sealed files, and the raws that were made of them.

use std::collections::{BTreeSet, HashMap, HashSet};

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};
use mongodb::options::Hint;
use serde::Deserialize;

use crate::archive::ids::RawId;
use crate::cache::entry::{BadRecord, HASH_BYTES};
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::collection::{Documents, from_document};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::{CHUNK_FILE, ID};
use crate::quarantine::selection::id_at;
use crate::sweep::step::OTHERS;
use crate::verify::content::id_of;
use crate::verify::context::Context;
use crate::verify::fault::{FaultKind, Findings};
use crate::verify::look;
use crate::verify::state::VerifyReport;

const READING: &str = "reading the sealed files of entries";

/// Age in seconds of chunks without a file, at which the API has deleted them.
const ORPHANED_S: f64 = 3.0 * 3600.0;

/// The fields of entries that are read.
pub(super) const FIELDS: [&str; 12] = [
    "typetag",
    "orgid",
    "timestamp",
    "processed",
    "bad_data",
    "error",
    "records",
    "raws",
    "bad",
    "again",
    "_ref",
    "fid",
];

#[derive(Deserialize)]
struct Entry {
    typetag: String,
    orgid: String,
    processed: bool,
    #[serde(default)]
    bad_data: bool,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    records: Option<i64>,
    #[serde(default)]
    raws: Option<bson::Binary>,
    #[serde(default)]
    bad: Vec<BadRecord>,
    #[serde(default, rename = "_ref")]
    refs: Vec<tahoe_core::Hash>,
    fid: ObjectId,
}

/// Checks the entries of a page.
pub(super) async fn check_entries(
    context: &Context,
    cache: &Cache,
    report: &mut VerifyReport,
    page: &[RawDocumentBuf],
) -> Result<Findings, StoreError> {
    let mut found = Findings::default();
    let (mut files, mut raws) = (Vec::new(), Vec::new());
    for document in page {
        let key = id_of(document);
        let entry = match from_document::<Entry>(document) {
            Ok(entry) => entry,
            Err(_) if is_set_aside(document) => {
                report.tell("entries that were set aside", 1);
                continue;
            }
            Err(reason) => {
                let words = format!("it is neither processed nor pending nor set aside: {reason}");
                found.add(FaultKind::Entry, key, words);
                continue;
            }
        };
        let state = match (entry.processed, entry.bad_data) {
            (false, _) => "entries that wait",
            (true, true) => "entries that were set aside",
            (true, false) => "entries that were processed",
        };
        report.tell(state, 1);
        if let Some(words) = wrong(&entry) {
            found.add(FaultKind::Entry, key.clone(), words);
        }
        if !entry.processed {
            files.push((key, entry.fid));
            continue;
        }
        // those that are removed in time may be gone
        let kept = &context.options.kept;
        if !kept.iter().any(|of| *of == entry.typetag || of == OTHERS) {
            let of_entry = made(&entry).into_iter();
            raws.extend(of_entry.map(|hash| (key.clone(), RawId::new(hash, &entry.orgid))));
        }
    }
    let wanted: Vec<ObjectId> = files.iter().map(|(_, fid)| *fid).collect();
    let there = existing(&cache.files, "_id", &wanted).await?;
    for (key, _) in files.into_iter().filter(|(_, fid)| !there.contains(fid)) {
        let words = "it waits to be opened, and its sealed file is not there: it is lost";
        found.add(FaultKind::EntryFile, key, words);
    }
    let wanted: BTreeSet<Vec<u8>> = raws.iter().map(|(_, id)| id.bytes().to_vec()).collect();
    let there = look::stored(context, &wanted).await?;
    let going: Vec<Bson> = raws.iter().map(|(_, id)| id.bson()).collect();
    let going = look::going(context, &going).await?;
    let mut told = HashSet::new();
    for (key, id) in raws {
        let is_there = there.holds(&id.bson()) || going.contains_key(&id.bytes()[..]);
        if !is_there && told.insert(key.to_string()) {
            let words = format!(
                "its raw {id} is not in the archive: it is lost, unless somebody forgot it or deleted it from quarantine"
            );
            found.add(FaultKind::EntryRaw, key, words);
        }
    }
    Ok(found)
}

/// Whether a document was set aside, of which not even the fields can be read.
fn is_set_aside(document: &RawDocument) -> bool {
    let is = |field| document.get_bool(field).unwrap_or(false);
    is("processed") && is("bad_data") && document.get_str("error").is_ok()
}

/// Returns the hashes of the raws that were made of an entry.
fn made(entry: &Entry) -> Vec<tahoe_core::Hash> {
    let Some(raws) = &entry.raws else {
        return entry.refs.clone();
    };
    let (hashes, _) = raws.bytes.as_chunks::<HASH_BYTES>();
    let known = hashes
        .iter()
        .filter(|hash| hash.iter().any(|byte| *byte != 0));
    known
        .map(|hash| tahoe_core::Hash::from_bytes(*hash))
        .collect()
}

/// Returns what is wrong with an entry by itself.
fn wrong(entry: &Entry) -> Option<String> {
    if !entry.processed {
        return None;
    }
    let Some(records) = entry.records.filter(|_| entry.error.is_none()) else {
        return match (entry.bad_data, &entry.error, entry.refs.len()) {
            (true, None, _) if entry.bad.is_empty() => {
                Some("it was set aside without a reason".to_owned())
            }
            (false, _, 0) if entry.raws.is_none() => {
                Some("it was processed, and names no raw".to_owned())
            }
            _ => None,
        };
    };
    let raws = entry.raws.as_ref().map_or(0, |raws| raws.bytes.len());
    if usize::try_from(records).ok() != Some(raws / HASH_BYTES) || !raws.is_multiple_of(HASH_BYTES)
    {
        return Some(format!(
            "it has {records} records, and says of {} what became of them",
            raws / HASH_BYTES
        ));
    }
    if entry.bad_data == entry.bad.is_empty() {
        return Some("it does not name the records that were set aside".to_owned());
    }
    let bad = entry
        .bad
        .iter()
        .find(|bad| bad.n == 0 || i64::from(bad.n) > records);
    bad.map(|bad| format!("it names the record {} of {records} as set aside", bad.n))
}

/// Checks the sealed files of a page.
pub(super) async fn check_files(
    cache: &Cache,
    page: &[RawDocumentBuf],
) -> Result<Findings, StoreError> {
    let mut found = Findings::default();
    let ids: Vec<ObjectId> = page
        .iter()
        .filter_map(|file| file.get_object_id("_id").ok())
        .collect();
    let named = existing(&cache.entries, "_id", &ids).await?;
    let left: Vec<ObjectId> = ids
        .iter()
        .filter(|id| !named.contains(*id))
        .copied()
        .collect();
    // an entry of the Python API has an id of its own, and no index finds it by its file
    let named_otherwise = existing(&cache.entries, "fid", &left).await?;
    let chunks = count_chunks(cache, &ids).await?;
    let waiting = existing_where(
        &cache.entries,
        "fid",
        &ids,
        doc! {"_id": {"$in": &ids}, "processed": false},
    );
    let waiting = waiting.await?;
    for file in page {
        let key = id_of(file);
        let Some(id) = key.as_object_id() else {
            continue;
        };
        if !named.contains(&id) && !named_otherwise.contains(&id) {
            let words = "no entry names the sealed file: it only takes room";
            found.add(FaultKind::FileAlone, key.clone(), words);
        }
        let number = |field| file.get_i64(field).or(file.get_i32(field).map(i64::from));
        let (length, of) = (
            number("length").unwrap_or(-1),
            number("chunkSize").unwrap_or(0),
        );
        let wanted = length
            .checked_add(of - 1)
            .and_then(|all| all.checked_div(of));
        let there = chunks.get(&id).copied().unwrap_or(0);
        // of a processed entry there is the raw; one that was set aside tells of its file itself
        if waiting.contains(&id) && wanted != Some(there) {
            let words = format!(
                "the sealed file of {length} bytes has {there} chunks of {of}: it cannot be opened"
            );
            found.add(FaultKind::File, key, words);
        }
    }
    Ok(found)
}

async fn count_chunks(
    cache: &Cache,
    files: &[ObjectId],
) -> Result<HashMap<ObjectId, i64>, StoreError> {
    #[derive(Deserialize)]
    struct Counted {
        _id: ObjectId,
        chunks: i64,
    }
    let mut all = HashMap::new();
    for part in files.chunks(ASK) {
        let pipeline = [
            doc! {"$match": {"files_id": {"$in": part}}},
            doc! {"$group": {"_id": "$files_id", "chunks": {"$sum": 1_i64}}},
        ];
        let count = cache.chunks.named(READING).aggregate(pipeline);
        let count = count.with(|count| count.hint(Hint::Name(CHUNK_FILE.to_owned())));
        let rows: Vec<Counted> = count.rows().await?.read().await?;
        all.extend(rows.into_iter().map(|row| (row._id, row.chunks)));
    }
    Ok(all)
}

/// Checks that the chunks of a page belong to files.
pub(super) async fn check_chunks(
    context: &Context,
    cache: &Cache,
    page: &[RawDocumentBuf],
) -> Result<Findings, StoreError> {
    let mut found = Findings::default();
    let ids: BTreeSet<ObjectId> = page
        .iter()
        .filter_map(|chunk| chunk.get_object_id("files_id").ok())
        .collect();
    let ids: Vec<ObjectId> = ids.into_iter().collect();
    let there = existing(&cache.files, "_id", &ids).await?;
    let old = id_at((context.options.now)() - ORPHANED_S);
    for id in ids
        .into_iter()
        .filter(|id| !there.contains(id) && *id < old)
    {
        let words = "chunks belong to no file: they only take room";
        found.add(FaultKind::ChunkAlone, id.into(), words);
    }
    Ok(found)
}

/// Returns those of these ids that a field of a document has.
async fn existing(
    coll: &Documents,
    field: &str,
    ids: &[ObjectId],
) -> Result<HashSet<ObjectId>, StoreError> {
    existing_where(coll, field, ids, Document::new()).await
}

/// Returns those of these ids that a field of a document has which meets a condition.
async fn existing_where(
    coll: &Documents,
    field: &str,
    ids: &[ObjectId],
    condition: Document,
) -> Result<HashSet<ObjectId>, StoreError> {
    let mut all = HashSet::new();
    for part in ids.chunks(ASK) {
        let mut filter = condition.clone();
        filter.insert(field, doc! {"$in": part});
        let mut fields = doc! {"_id": 0};
        fields.insert(field, 1);
        let rows = Find::new(READING, ID, filter)
            .project(fields)
            .all(coll)
            .await?;
        all.extend(rows.iter().filter_map(|row| row.get_object_id(field).ok()));
    }
    Ok(all)
}
