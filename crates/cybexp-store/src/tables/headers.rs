//! Headers: whether the tables of an hour are right.
//!
//! Whoever makes tables begins by setting `live`. Whoever changes events of the hour counts `n` up where `live` is set, after
//! opening a note of the hour in the journal and before the change. The maker looks for open notes after it began, and ends
//! only if `n` is unchanged. So a change is either in the tables, or the header says that they are not right.

use std::collections::BTreeSet;

use bson::{Binary, Bson, Document, doc};
use mongodb::options::ReturnDocument;
use serde::Deserialize;

use crate::archive::ids::binary;
use crate::error::{Doing, StoreError};
use crate::mongo::bulk;
use crate::mongo::collection::Documents;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;

const CHANGING: &str = "telling that the events of hours change";
const READING: &str = "reading which hours have tables";
const MAKING: &str = "making the tables of an hour";

/// Kind of a header's id.
const HEADER: u8 = b'h';

/// Name of one making of an hour's tables.
pub(crate) type Made = [u8; 8];

/// The header of an hour.
#[derive(Debug, Deserialize)]
struct StoredHeader {
    #[serde(rename = "_id")]
    id: Binary,
    #[serde(default)]
    n: i64,
    #[serde(default)]
    right: bool,
    #[serde(default)]
    made: Option<Binary>,
    /// The same as `made`, if the tables hold all that readers look for: an earlier release left out groups of values.
    #[serde(default)]
    whole: Option<Binary>,
    /// The ids of all chunks that were written, or are about to be.
    #[serde(default)]
    written: Vec<Bson>,
    /// The ids of chunks that nobody needs, until they are deleted.
    #[serde(default)]
    old: Vec<Bson>,
}

/// The header of an hour.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub hour: i64,
    /// The number of changes that were told.
    pub n: i64,
    /// The making of the tables, if they are right.
    pub made: Option<Made>,
    /// The making of the tables, if they were right before events of the hour changed.
    pub outdated: Option<Made>,
    /// The ids of all chunks that were written, or are about to be; only for the maker.
    pub written: Vec<Bson>,
    /// The ids of chunks that nobody needs, until they are deleted; only for the maker.
    pub old: Vec<Bson>,
}

impl StoredHeader {
    fn header(self) -> Option<Header> {
        let hour = hour_of_id(&self.id.bytes)?;
        let is_whole = self.whole == self.made;
        let made = self.made.and_then(|made| made.bytes.try_into().ok());
        let made: Option<Made> = made.filter(|_| is_whole);
        Some(Header {
            hour,
            n: self.n,
            made: made.filter(|_| self.right),
            outdated: made.filter(|_| !self.right),
            written: self.written,
            old: self.old,
        })
    }
}

/// Returns the hour that the `_id` of a header names; `None` if it is another one.
pub(crate) fn hour_of_id(id: &[u8]) -> Option<i64> {
    let hour = id.strip_prefix(&[HEADER])?;
    Some(u32::from_be_bytes(hour.try_into().ok()?).into())
}

/// Returns the number of an hour that may have tables. The first hour holds all that was before 1970, and has none.
pub(crate) fn number(hour: i64) -> Option<u32> {
    u32::try_from(hour).ok().filter(|hour| *hour > 0)
}

/// Returns the `_id` of the header of an hour.
pub(crate) fn id(hour: u32) -> Bson {
    let mut id = vec![HEADER];
    id.extend(hour.to_be_bytes());
    binary(id)
}

/// Tells that events of these hours are about to change. A note of the hours must be open.
pub(crate) async fn change(coll: &Documents, hours: &BTreeSet<i64>) -> Result<(), StoreError> {
    let hours: Vec<Bson> = hours
        .iter()
        .filter_map(|hour| number(*hour))
        .map(id)
        .collect();
    for part in hours.chunks(ASK) {
        let (filter, update) = changed(part);
        bulk::update_all(coll, &[(filter, update)], CHANGING).await?;
    }
    Ok(())
}

/// Makes the condition and the update of [`change`]. It changes nothing where nobody relies on the hour.
pub(crate) fn changed(ids: &[Bson]) -> (Document, Document) {
    let update = doc! {"$inc": {"n": 1_i64}, "$set": {"live": false, "right": false}};
    (doc! {"_id": {"$in": ids}, "live": true}, update)
}

/// Begins to make the tables of an hour.
pub(crate) async fn begin(coll: &Documents, hour: u32) -> Result<Option<Header>, StoreError> {
    let update = doc! {"$set": {"live": true}, "$setOnInsert": {"n": 0_i64, "right": false}};
    let begin = coll.named(MAKING);
    let begin = begin.find_one_and_update(doc! {"_id": id(hour)}, update);
    let begin = begin.with(|it| it.upsert(true).return_document(ReturnDocument::After));
    let Some(row) = begin.send().await? else {
        return Ok(None);
    };
    let row: StoredHeader = bson::deserialize_from_slice(row.as_bytes()).doing(MAKING)?;
    Ok(row.header())
}

/// Keeps the ids of chunks that are about to be written, so that they are found if their maker dies.
pub(crate) async fn writing(coll: &Documents, hour: u32, ids: &[Bson]) -> Result<(), StoreError> {
    let update = doc! {"$push": {"written": {"$each": ids}}};
    let writing = coll
        .named(MAKING)
        .update_one(doc! {"_id": id(hour)}, update);
    writing.send().await?;
    Ok(())
}

/// Ends the making of an hour's tables, and returns whether they are right. They are not if another maker has put their
/// chunks with the old ones.
pub(crate) async fn end(
    coll: &Documents,
    begun: &Header,
    hour: u32,
    made: Made,
    ids: &[Bson],
) -> Result<bool, StoreError> {
    let made = binary(made.to_vec());
    let update = doc! {"$set": {"right": true, "made": &made, "whole": &made}};
    let mut unchanged = doc! {"_id": id(hour), "n": begun.n, "live": true};
    if !ids.is_empty() {
        unchanged.insert("written", doc! {"$all": ids});
    }
    let end = coll.named(MAKING).update_one(unchanged, update);
    Ok(end.send().await?.matched_count == 1)
}

/// Puts chunks of these makings with the old ones, so that they are found if their maker dies before it deletes them.
/// Returns whether that was done: it is not if another maker has ended with one of them.
pub(crate) async fn retire(
    coll: &Documents,
    hour: u32,
    makings: &BTreeSet<Made>,
    ids: &[Bson],
) -> Result<bool, StoreError> {
    let makings: Vec<Bson> = makings.iter().map(|made| binary(made.to_vec())).collect();
    let needed = doc! {"right": true, "made": {"$in": makings}};
    let update = doc! {"$pullAll": {"written": ids}, "$push": {"old": {"$each": ids}}};
    let retire = coll.named(MAKING);
    let retire = retire.update_one(doc! {"_id": id(hour), "$nor": [needed]}, update);
    Ok(retire.send().await?.matched_count == 1)
}

/// Forgets old chunks that were deleted.
pub(crate) async fn forget(coll: &Documents, hour: u32, ids: &[Bson]) -> Result<(), StoreError> {
    let update = doc! {"$pullAll": {"old": ids}};
    let forget = coll
        .named(MAKING)
        .update_one(doc! {"_id": id(hour)}, update);
    forget.send().await?;
    Ok(())
}

/// Reads a header with all its fields; `None` if the document is none.
#[cfg(feature = "inspect")]
pub(crate) fn read_row(row: &bson::RawDocument) -> Option<Header> {
    let row: StoredHeader = bson::deserialize_from_slice(row.as_bytes()).ok()?;
    row.header()
}

/// Returns the headers of these hours, both ends included, without the ids of chunks.
pub(crate) async fn read(
    coll: &Documents,
    first: u32,
    last: u32,
) -> Result<Vec<Header>, StoreError> {
    let rows: Vec<StoredHeader> = between(first, last).read(coll).await?;
    Ok(rows.into_iter().filter_map(StoredHeader::header).collect())
}

/// Finds the headers of these hours, in order.
pub(crate) fn between(first: u32, last: u32) -> Find {
    let ids = doc! {"$gte": id(first), "$lte": id(last)};
    Find::new(READING, ID, doc! {"_id": ids})
        .project(doc! {"n": 1, "right": 1, "made": 1, "whole": 1})
        .sort(doc! {"_id": 1})
}

/// Finds the headers from an hour on with the ids of their chunks, in order.
pub(crate) fn with_chunks(first: u32) -> Find {
    let ids = doc! {"$gte": id(first), "$lte": id(u32::MAX)};
    Find::new(READING, ID, doc! {"_id": ids}).sort(doc! {"_id": 1})
}

/// Reads the headers that [`with_chunks`] finds, so many of them.
pub(crate) async fn read_with_chunks(
    coll: &Documents,
    first: u32,
    most: i64,
) -> Result<Vec<Header>, StoreError> {
    let rows: Vec<StoredHeader> = with_chunks(first).limit(most).read(coll).await?;
    Ok(rows.into_iter().filter_map(StoredHeader::header).collect())
}
