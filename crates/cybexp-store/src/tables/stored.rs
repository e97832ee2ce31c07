//! Chunks of tables as they are stored.
//!
//! `_id` has 38 bytes: 16 of the organisation, 8 of SHA-256 of the sub_type, 4 of the hour, 8 of the making, 2 of the
//! chunk. So a table is a range of ids, and a making of tables never changes another one.

use bson::{Binary, Bson, RawDocumentBuf, doc};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::archive::ids::{OrgTag, binary};
use crate::error::{Doing, StoreError};
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::tables::builder::Chunk;
use crate::tables::headers::Made;

const READING: &str = "reading the tables of hours";
const MAKING: &str = "making the chunk of a table";

/// Bytes of an id before the hour.
const BEFORE: usize = 24;

/// Bytes of the `_id` of a chunk.
#[cfg(feature = "inspect")]
pub(crate) const ID_BYTES: usize = BEFORE + 14;

/// Returns the hour that the `_id` of a chunk names; `None` if it is another one.
#[cfg(feature = "inspect")]
pub(crate) fn hour_of(id: &[u8]) -> Option<u32> {
    let (hour, _) = id.get(BEFORE..)?.split_first_chunk()?;
    (id.len() == ID_BYTES).then_some(u32::from_be_bytes(*hour))
}

/// Returns the making that the `_id` of a chunk names; `None` if it is another one.
pub(crate) fn made_of(id: &Bson) -> Option<Made> {
    let Bson::Binary(id) = id else {
        return None;
    };
    let made = id.bytes.get(BEFORE + 4..)?.first_chunk()?;
    Some(*made)
}

#[derive(Deserialize)]
struct StoredChunk {
    #[serde(rename = "_id")]
    id: Binary,
    #[serde(default)]
    events: Vec<String>,
    entries: Binary,
}

/// A chunk as it is read.
#[derive(Debug)]
pub(crate) struct ReadChunk {
    pub hour: u32,
    pub made: Made,
    pub events: Vec<String>,
    pub entries: Vec<u8>,
}

/// Returns the beginning of the ids of all tables of an organisation and sub_type.
pub(crate) fn beginning(org: &OrgTag, sub_type: &str) -> [u8; BEFORE] {
    let mut id = [0; BEFORE];
    id[..16].copy_from_slice(&org.bytes()[..16]);
    id[16..].copy_from_slice(&Sha256::digest(sub_type.as_bytes())[..8]);
    id
}

fn id(before: &[u8], hour: u32, made: Made, n: u16) -> Bson {
    binary([before, &hour.to_be_bytes(), &made, &n.to_be_bytes()].concat())
}

/// Makes the document of a chunk, with its id.
pub(crate) fn document(
    org: &OrgTag,
    hour: u32,
    made: Made,
    n: u16,
    chunk: Chunk,
) -> Result<(Bson, RawDocumentBuf), StoreError> {
    let id = id(&beginning(org, &chunk.name), hour, made, n);
    let document = doc! {
        "_id": &id, "sub_type": chunk.name, "events": chunk.events, "entries": binary(chunk.entries),
    };
    Ok((id, RawDocumentBuf::try_from(&document).doing(MAKING)?))
}

/// Finds the chunks of an organisation and sub_type in these hours, both ends included, in order.
pub(crate) fn chunks(org: &OrgTag, sub_type: &str, first: u32, last: u32) -> Find {
    let before = beginning(org, sub_type);
    let ids = doc! {
        "$gte": id(&before, first, [0; 8], 0), "$lte": id(&before, last, [0xff; 8], u16::MAX),
    };
    Find::new(READING, ID, doc! {"_id": ids})
        .project(doc! {"events": 1, "entries": 1})
        .sort(doc! {"_id": 1})
}

/// Reads a chunk; `None` if it is none.
pub(crate) fn read(document: &RawDocumentBuf) -> Option<ReadChunk> {
    let chunk: StoredChunk = bson::deserialize_from_slice(document.as_bytes()).ok()?;
    let rest = chunk.id.bytes.get(BEFORE..)?;
    let (hour, rest) = rest.split_first_chunk()?;
    let (made, _) = rest.split_first_chunk()?;
    Some(ReadChunk {
        hour: u32::from_be_bytes(*hour),
        made: *made,
        events: chunk.events,
        entries: chunk.entries.bytes,
    })
}
