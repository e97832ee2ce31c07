//! The documents of a submission: an entry, a file, and chunks as the GridFS specification describes them.

use bson::oid::ObjectId;
use bson::raw::RawBinaryRef;
use bson::spec::BinarySubtype;
use bson::{DateTime, RawDocumentBuf, cstr, rawdoc};

use crate::cache::entry::NewEntry;

/// The chunk size of GridFS, in bytes.
pub(crate) const CHUNK_BYTES: usize = 255 << 10;

/// Makes the chunks of a file, from number `n` on.
pub(crate) fn chunks(
    fid: ObjectId,
    n: usize,
    bytes: &[u8],
) -> impl Iterator<Item = RawDocumentBuf> {
    let parts = bytes.chunks(CHUNK_BYTES).zip(n..);
    parts.map(move |(bytes, n)| {
        let mut chunk = rawdoc! {"_id": ObjectId::new(), "files_id": fid, "n": n as i32};
        let subtype = BinarySubtype::Generic;
        chunk.append(cstr!("data"), RawBinaryRef { subtype, bytes });
        chunk
    })
}

/// Makes the file's document, without which the chunks are no file.
pub(crate) fn file(fid: ObjectId, length: usize, name: &str) -> RawDocumentBuf {
    rawdoc! {
        "_id": fid, "length": length as i64, "chunkSize": CHUNK_BYTES as i32,
        "uploadDate": DateTime::now(), "filename": name,
    }
}

/// Makes the entry of a file, which has the same id.
pub(crate) fn entry(fid: ObjectId, entry: &NewEntry) -> RawDocumentBuf {
    let mut document = rawdoc! {
        "_id": fid, "name": entry.name.as_str(), "typetag": entry.tags.typetag.as_str(),
        "orgid": entry.tags.orgid.as_str(), "timezone": entry.tags.timezone.as_str(),
        "timestamp": entry.timestamp, "processed": false, "fid": fid,
    };
    if let Some(records) = entry.records {
        document.append(cstr!("records"), i64::from(records));
    }
    // as the Python API writes entries where there is none
    if let Some(tlp) = entry.tags.tlp {
        document.append(cstr!("tlp"), tlp.as_str());
    }
    document
}
