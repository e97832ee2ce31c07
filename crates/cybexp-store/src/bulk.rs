//! Many writes in one round trip.

use std::collections::HashSet;

use bson::{Bson, Document, RawDocumentBuf, doc};
use futures::{StreamExt, TryStreamExt, stream};
use mongodb::error::ErrorKind;

use crate::collection::Raws;
use crate::error::{Doing, StoreError};

/// Documents of one command: more gain nothing but a longer wait (`docs/ARCHITECTURE.md`, "Writing").
pub(crate) const COMMAND_DOCUMENTS: usize = 1000;
/// Commands under way at once: they keep two cores of the server busy.
const CONCURRENT: usize = 2;
/// The most bytes of one command; the wire holds 48 MB.
const COMMAND_BYTES: usize = 24 << 20;

const DUPLICATE_KEY: i32 = 11000;

/// A write of a batch that the server refused, by its place in the batch.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub index: usize,
    pub code: i32,
    pub message: String,
}

impl Failure {
    /// For failures that no single record is to blame for.
    pub(crate) fn into_error(self, doing: &'static str) -> StoreError {
        StoreError::Write {
            doing,
            code: self.code,
            message: self.message,
        }
    }
}

/// Inserts what is not there yet. That another process was faster is no failure.
///
/// Returns how many were inserted, and what the server refused.
pub(crate) async fn insert(
    coll: &Raws,
    documents: &[RawDocumentBuf],
    doing: &'static str,
) -> Result<(u64, Vec<Failure>), StoreError> {
    let commands = chunks(documents)
        .into_iter()
        .map(|(start, part)| insert_command(coll, start, part, doing))
        .collect::<Vec<_>>();
    let mut replies = stream::iter(commands).buffer_unordered(CONCURRENT);
    let (mut inserted, mut failures) = (0, Vec::new());
    while let Some((count, failed)) = replies.try_next().await? {
        inserted += count;
        failures.extend(failed);
    }
    Ok((inserted, failures))
}

async fn insert_command(
    coll: &Raws,
    start: usize,
    part: &[RawDocumentBuf],
    doing: &'static str,
) -> Result<(u64, Vec<Failure>), StoreError> {
    let Err(error) = coll.insert_many(part).ordered(false).await else {
        return Ok((part.len() as u64, vec![]));
    };
    match *error.kind {
        ErrorKind::InsertMany(ref refused) if refused.write_concern_error.is_none() => {
            let refused = refused.write_errors.as_deref().unwrap_or_default();
            let inserted = part.len().saturating_sub(refused.len()) as u64;
            let failures = refused.iter().filter(|e| e.code != DUPLICATE_KEY);
            let failures = failures.map(|e| Failure {
                index: start + e.index,
                code: e.code,
                message: e.message.clone(),
            });
            Ok((inserted, failures.collect()))
        }
        _ => Err(error).doing(doing),
    }
}

/// Cuts documents into commands by number and size.
fn chunks(documents: &[RawDocumentBuf]) -> Vec<(usize, &[RawDocumentBuf])> {
    let mut parts = Vec::new();
    let mut start = 0;
    while start < documents.len() {
        let mut bytes = 0;
        let fits = documents[start..]
            .iter()
            .take(COMMAND_DOCUMENTS)
            .take_while(|document| {
                bytes += document.as_bytes().len();
                bytes <= COMMAND_BYTES
            })
            .count()
            .max(1);
        parts.push((start, &documents[start..start + fits]));
        start += fits;
    }
    parts
}

/// One update of a batch: filter, update, and whether to insert what is not there.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub filter: Document,
    pub update: Bson,
    pub upsert: bool,
}

/// Runs the updates, in no order, waiting for a majority. An upsert that lost a race is run again.
pub(crate) async fn update(
    coll: &Raws,
    updates: &[Update],
    doing: &'static str,
) -> Result<Vec<Failure>, StoreError> {
    let mut failures = Vec::new();
    let mut left: Vec<usize> = (0..updates.len()).collect();
    while !left.is_empty() {
        let mut raced = HashSet::new();
        for part in left.chunks(COMMAND_DOCUMENTS) {
            for mut failure in update_command(coll, updates, part, doing).await? {
                failure.index = part[failure.index];
                if failure.code == DUPLICATE_KEY && updates[failure.index].upsert {
                    raced.insert(failure.index);
                } else {
                    failures.push(failure);
                }
            }
        }
        left.retain(|index| raced.contains(index));
    }
    Ok(failures)
}

async fn update_command(
    coll: &Raws,
    updates: &[Update],
    part: &[usize],
    doing: &'static str,
) -> Result<Vec<Failure>, StoreError> {
    let statements = part.iter().map(|index| {
        let Update {
            filter,
            update,
            upsert,
        } = &updates[*index];
        Bson::from(doc! {"q": filter.clone(), "u": update.clone(), "upsert": *upsert})
    });
    let command = doc! {
        "update": coll.name(),
        "updates": statements.collect::<Vec<_>>(),
        "ordered": false,
        "writeConcern": {"w": "majority"},
    };
    let database = coll.client().database(&coll.namespace().db);
    let reply = database.run_command(command).await.doing(doing)?;
    if let Ok(concern) = reply.get_document("writeConcernError") {
        return Err(StoreError::Write {
            doing,
            code: concern.get_i32("code").unwrap_or_default(),
            message: concern.get_str("errmsg").unwrap_or_default().to_owned(),
        });
    }
    let errors = reply.get_array("writeErrors").into_iter().flatten();
    Ok(errors
        .filter_map(Bson::as_document)
        .map(|error| Failure {
            index: error.get_i32("index").unwrap_or_default() as usize,
            code: error.get_i32("code").unwrap_or_default(),
            message: error.get_str("errmsg").unwrap_or_default().to_owned(),
        })
        .collect())
}
