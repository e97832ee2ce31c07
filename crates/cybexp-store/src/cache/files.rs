//! Reading the files of entries.

use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{RawBsonRef, RawDocument, doc};

use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::mongo::indexes::{CHUNK_FILE, ID};

/// The most bytes of a batch. A larger file is a batch by itself.
const BATCH_BYTES: u64 = 16 << 20;
/// The longest file that is read, in bytes: a submission whose raw fits in a document is shorter when sealed.
const FILE_LIMIT_BYTES: u64 = 128 << 20;

/// Reads the files of a batch in two round trips. A file that is not complete is an error of its entry.
pub(super) async fn read(
    cache: &Cache,
    fids: &[ObjectId],
) -> Result<HashMap<ObjectId, Result<Vec<u8>, String>>, StoreError> {
    let mut lengths: HashMap<ObjectId, Option<u64>> = HashMap::new();
    let mut rows = file_lengths(fids).rows(&cache.files).await?;
    while let Some(row) = rows.next().await? {
        if let Ok(fid) = row.get_object_id("_id") {
            lengths.insert(fid, whole(&row, "length"));
        }
    }
    let mut files: HashMap<ObjectId, Result<Vec<u8>, String>> = HashMap::new();
    let mut wanted = Vec::new();
    let mut bytes = 0;
    for fid in fids {
        match lengths.get(fid) {
            None => {
                files.insert(*fid, Err(format!("its file {fid} is missing")));
            }
            Some(None) => {
                files.insert(*fid, Err(format!("its file {fid} has no length")));
            }
            Some(Some(length)) if *length > FILE_LIMIT_BYTES => {
                files.insert(
                    *fid,
                    Err(format!("its file {fid} has {length} bytes: too large")),
                );
            }
            Some(Some(length)) if bytes + length > BATCH_BYTES && bytes > 0 => break,
            Some(Some(length)) => {
                bytes += length;
                wanted.push(*fid);
                files.insert(*fid, Ok(Vec::with_capacity(*length as usize)));
            }
        }
    }
    let mut rows = file_chunks(&wanted).rows(&cache.chunks).await?;
    let mut next: HashMap<ObjectId, u64> = HashMap::new();
    while let Some(chunk) = rows.next().await? {
        let Ok(fid) = chunk.get_object_id("files_id") else {
            continue;
        };
        let n = next.entry(fid).or_default();
        if let (Ok(data), Some(Ok(file))) = (chunk.get_binary("data"), files.get_mut(&fid))
            && whole(&chunk, "n") == Some(*n)
            // a file longer than it should be is as bad as a shorter one, and need not be read
            && file.len() as u64 <= lengths[&fid].unwrap_or_default()
        {
            file.extend_from_slice(data.bytes);
            *n += 1;
        }
    }
    for fid in wanted {
        let length = lengths[&fid].unwrap_or_default();
        if let Some(Ok(file)) = files.get(&fid)
            && file.len() as u64 != length
        {
            let have = file.len();
            let reason = format!("its file {fid} is not whole: {have} of {length} bytes");
            files.insert(fid, Err(reason));
        }
    }
    Ok(files)
}

/// Returns a whole number, whose numeric type depends on the client that wrote it.
fn whole(document: &RawDocument, field: &str) -> Option<u64> {
    match document.get(field).ok()?? {
        RawBsonRef::Int32(n) => n.try_into().ok(),
        RawBsonRef::Int64(n) => n.try_into().ok(),
        RawBsonRef::Double(n) if n >= 0.0 && n.fract() == 0.0 => Some(n as u64),
        _ => None,
    }
}

pub(crate) fn file_lengths(fids: &[ObjectId]) -> Find {
    let filter = doc! {"_id": {"$in": fids}};
    Find::new("reading the lengths of files", ID, filter).project(doc! {"length": 1})
}

pub(crate) fn file_chunks(fids: &[ObjectId]) -> Find {
    let filter = doc! {"files_id": {"$in": fids}};
    Find::new("reading sealed submissions", CHUNK_FILE, filter).sort(doc! {"files_id": 1, "n": 1})
}
