//! Many writes in one round trip.

use std::collections::HashSet;
use std::time::Duration;

use bson::{Bson, Document, RawArrayBuf, RawDocumentBuf, doc, rawdoc};
use futures::{StreamExt, TryStreamExt, stream};
use mongodb::error::ErrorKind;

use crate::error::{Doing, StoreError};
use crate::mongo::collection::Documents;
use crate::mongo::indexes::ID;
use crate::mongo::operation::timed;

/// The most documents of one command. More would gain nothing but a longer wait (`docs/ARCHITECTURE.md`, "Writing").
pub(crate) const COMMAND_DOCUMENTS: usize = 1000;
/// Documents of a command beyond which a batch is cut into several, so that the server works on them side by side.
const SHARE_DOCUMENTS: usize = 200;
/// Commands sent at once, enough to keep two cores of the server busy.
const CONCURRENT: usize = 2;
/// The most bytes of one command; the wire holds 48 MB.
const COMMAND_BYTES: usize = 24 << 20;

/// The most bytes of an update command. The driver does not build these commands, so the updates stand in the body,
/// which may have 16 MiB.
const UPDATE_COMMAND_BYTES: usize = 8 << 20;
/// The longest time that the server works on one write command whose writer may have died.
pub(crate) const WRITE_TIME: Duration = Duration::from_secs(30);
/// The most bytes of a single update.
const UPDATE_LIMIT_BYTES: usize = 16 << 20;
/// Attempts of an upsert that loses races against others.
const RACES: usize = 10;

pub(crate) const DUPLICATE_KEY: i32 = 11000;
/// MongoDB's error code `BSONObjectTooLarge`.
const TOO_LARGE: i32 = 10334;

/// A write of a batch that the server refused, with its index in the batch.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub index: usize,
    pub code: i32,
    pub message: String,
}

impl Failure {
    /// Makes an error of a failure that no single record causes.
    pub(crate) fn into_error(self, doing: &'static str) -> StoreError {
        StoreError::Write {
            doing,
            code: self.code,
            message: self.message,
        }
    }
}

/// Inserts the documents that are not stored. A document that another process inserted in the meantime is no failure.
///
/// Returns the number of inserted documents, and the writes that the server refused.
pub(crate) async fn insert(
    coll: &Documents,
    documents: &[RawDocumentBuf],
    doing: &'static str,
) -> Result<(u64, Vec<Failure>), StoreError> {
    let commands = chunks(documents, COMMAND_BYTES, |document| {
        document.as_bytes().len()
    })
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

/// Inserts documents as [`insert`] does, but any refused write is an error.
pub(crate) async fn insert_whole(
    coll: &Documents,
    documents: &[RawDocumentBuf],
    doing: &'static str,
) -> Result<(), StoreError> {
    let (_, failures) = insert(coll, documents, doing).await?;
    match failures.into_iter().next() {
        Some(failure) => Err(failure.into_error(doing)),
        None => Ok(()),
    }
}

async fn insert_command(
    coll: &Documents,
    start: usize,
    part: &[RawDocumentBuf],
    doing: &'static str,
) -> Result<(u64, Vec<Failure>), StoreError> {
    let insert = coll.named(doing).insert_many(part);
    let error = match insert.with(|insert| insert.ordered(false)).send().await {
        Ok(_) => return Ok((part.len() as u64, vec![])),
        Err(StoreError::Database { cause, .. }) => cause,
        Err(error) => return Err(error),
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
        _ => Err(*error).doing(doing),
    }
}

/// Inserts documents whose `_id` is made of their content. The server works on a command for [`WRITE_TIME`] at most, so
/// a writer that died does not write later.
///
/// Returns the number of inserted documents, and the writes that the server refused, duplicates among them.
pub(crate) async fn insert_identified(
    coll: &Documents,
    documents: &[RawDocumentBuf],
    doing: &'static str,
) -> Result<(u64, Vec<Failure>), StoreError> {
    let size = |document: &RawDocumentBuf| document.as_bytes().len();
    let commands = chunks(documents, UPDATE_COMMAND_BYTES, size)
        .into_iter()
        .map(|(start, part)| insert_identified_command(coll, start, part, doing))
        .collect::<Vec<_>>();
    let mut replies = stream::iter(commands).buffer_unordered(CONCURRENT);
    let (mut inserted, mut failures) = (0, Vec::new());
    while let Some((count, failed)) = replies.try_next().await? {
        inserted += count;
        failures.extend(failed);
    }
    Ok((inserted, failures))
}

async fn insert_identified_command(
    coll: &Documents,
    start: usize,
    part: &[RawDocumentBuf],
    doing: &'static str,
) -> Result<(u64, Vec<Failure>), StoreError> {
    let documents: RawArrayBuf = part.iter().map(|document| document.as_ref()).collect();
    let command = rawdoc! {"insert": coll.name(), "documents": documents};
    let reply = write(coll, command, doing).await?;
    let failures = failures(&reply, |index| start + index).collect();
    Ok((count(&reply), failures))
}

/// Deletes the documents that each of the filters matches, one for each, and returns their number.
pub(crate) async fn delete(
    coll: &Documents,
    filters: &[Document],
    doing: &'static str,
) -> Result<u64, StoreError> {
    let mut deleted = 0;
    for part in filters.chunks(COMMAND_DOCUMENTS) {
        let mut deletes = RawArrayBuf::new();
        for filter in part {
            let delete = RawDocumentBuf::try_from(&doc! {"q": filter, "limit": 1}).doing(doing)?;
            deletes.push(delete);
        }
        let command = rawdoc! {"delete": coll.name(), "deletes": deletes};
        let reply = write(coll, command, doing).await?;
        if let Some(failure) = failures(&reply, |index| index).next() {
            return Err(failure.into_error(doing));
        }
        deleted += count(&reply);
    }
    Ok(deleted)
}

/// Sends an unordered write command that waits for a majority, and returns the reply.
async fn write(
    coll: &Documents,
    mut command: RawDocumentBuf,
    doing: &'static str,
) -> Result<Document, StoreError> {
    let options = rawdoc! {
        "ordered": false,
        "writeConcern": {"w": "majority"},
        "maxTimeMS": WRITE_TIME.as_millis() as i64,
        "comment": doing,
    };
    for option in options.iter() {
        let (name, value) = option.doing(doing)?;
        command.append(name, value);
    }
    let driver = coll.driver();
    let database = driver.client().database(&driver.namespace().db);
    let reply = timed(doing, database.run_raw_command(command)).await?;
    match reply.get_document("writeConcernError") {
        Ok(concern) => Err(StoreError::Write {
            doing,
            code: concern.get_i32("code").unwrap_or_default(),
            message: concern.get_str("errmsg").unwrap_or_default().to_owned(),
        }),
        Err(_) => Ok(reply),
    }
}

/// Returns the number of documents that a write command found or wrote.
fn count(reply: &Document) -> u64 {
    u64::try_from(reply.get_i32("n").unwrap_or_default()).unwrap_or(0)
}

/// Returns the writes that the server refused, with the index that `place` gives for that in the command.
fn failures(reply: &Document, place: impl Fn(usize) -> usize) -> impl Iterator<Item = Failure> {
    let errors = reply.get_array("writeErrors").into_iter().flatten();
    errors
        .filter_map(Bson::as_document)
        .map(move |error| Failure {
            index: place(error.get_i32("index").unwrap_or_default() as usize),
            code: error.get_i32("code").unwrap_or_default(),
            message: error.get_str("errmsg").unwrap_or_default().to_owned(),
        })
}

/// Cuts a batch into commands by number and size, each with the index of its first item in the batch.
fn chunks<T>(items: &[T], limit_bytes: usize, size: impl Fn(&T) -> usize) -> Vec<(usize, &[T])> {
    let share = items.len().div_ceil(CONCURRENT);
    let most = share.clamp(SHARE_DOCUMENTS, COMMAND_DOCUMENTS);
    let mut parts = Vec::new();
    let mut start = 0;
    while start < items.len() {
        let mut bytes = 0;
        let fits = items[start..]
            .iter()
            .take(most)
            .take_while(|item| {
                bytes += size(item);
                bytes <= limit_bytes
            })
            .count()
            .max(1);
        parts.push((start, &items[start..start + fits]));
        start += fits;
    }
    parts
}

/// An update of a batch: its filter, the update, and whether it inserts a missing document.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub filter: Document,
    pub update: Bson,
    pub upsert: bool,
}

/// The result of a batch of updates.
#[derive(Debug, Default)]
pub(crate) struct Updated {
    /// Updates that found their document.
    pub matched: u64,
    /// Updates that inserted a document.
    pub upserted: u64,
    pub failures: Vec<Failure>,
}

impl Updated {
    /// Returns the result, or an error if any update failed.
    pub(crate) fn whole(self, doing: &'static str) -> Result<Self, StoreError> {
        match self.failures.into_iter().next() {
            Some(failure) => Err(failure.into_error(doing)),
            None => Ok(Self {
                failures: vec![],
                ..self
            }),
        }
    }
}

/// Runs the updates in any order, and waits for a majority. An upsert that lost a race is run again.
pub(crate) async fn update(
    coll: &Documents,
    updates: &[Update],
    doing: &'static str,
) -> Result<Updated, StoreError> {
    let mut updated = Updated::default();
    let mut left = Vec::with_capacity(updates.len());
    for (index, update) in updates.iter().enumerate() {
        let statement =
            doc! {"q": &update.filter, "u": update.update.clone(), "upsert": update.upsert};
        let statement = RawDocumentBuf::try_from(&statement).doing(doing)?;
        let bytes = statement.as_bytes().len();
        if bytes > UPDATE_LIMIT_BYTES {
            updated.failures.push(Failure {
                index,
                code: TOO_LARGE,
                message: format!("an update of {bytes} bytes is more than one command can hold"),
            });
        } else {
            left.push((index, statement));
        }
    }
    for _ in 0..RACES {
        let mut raced = HashSet::new();
        let commands = chunks(&left, UPDATE_COMMAND_BYTES, |(_, u)| u.as_bytes().len())
            .into_iter()
            .map(|(_, part)| update_command(coll, part, doing))
            .collect::<Vec<_>>();
        let mut replies = stream::iter(commands).buffer_unordered(CONCURRENT);
        while let Some(reply) = replies.try_next().await? {
            updated.matched += reply.matched;
            updated.upserted += reply.upserted;
            for failure in reply.failures {
                if failure.code == DUPLICATE_KEY && updates[failure.index].upsert {
                    raced.insert(failure.index);
                } else {
                    updated.failures.push(failure);
                }
            }
        }
        drop(replies);
        left.retain(|(index, _)| raced.contains(index));
        if left.is_empty() {
            return Ok(updated);
        }
    }
    updated
        .failures
        .extend(left.iter().map(|(index, _)| Failure {
            index: *index,
            code: DUPLICATE_KEY,
            message: "another document has the same key".to_owned(),
        }));
    Ok(updated)
}

/// Runs updates each of which changes all documents that its filter matches, by their ids. Returns the number of matched
/// documents.
pub(crate) async fn update_all(
    coll: &Documents,
    updates: &[(Document, Document)],
    doing: &'static str,
) -> Result<u64, StoreError> {
    let mut statements = RawArrayBuf::new();
    for (filter, update) in updates {
        // the server would try other indexes of the fields beside, each time
        let statement = doc! {"q": filter, "u": update, "multi": true, "hint": ID};
        statements.push(RawDocumentBuf::try_from(&statement).doing(doing)?);
    }
    let command = rawdoc! {"update": coll.name(), "updates": statements};
    let reply = write(coll, command, doing).await?;
    match failures(&reply, |index| index).next() {
        Some(failure) => Err(failure.into_error(doing)),
        None => Ok(count(&reply)),
    }
}

/// Runs one command. The indexes of its failures are those of the batch.
async fn update_command(
    coll: &Documents,
    part: &[(usize, RawDocumentBuf)],
    doing: &'static str,
) -> Result<Updated, StoreError> {
    let statements: RawArrayBuf = part.iter().map(|(_, update)| update.as_ref()).collect();
    let command = rawdoc! {"update": coll.name(), "updates": statements};
    let reply = write(coll, command, doing).await?;
    let upserted = reply.get_array("upserted").map_or(0, Vec::len) as u64;
    let failures = failures(&reply, |index| part[index].0).collect();
    Ok(Updated {
        matched: count(&reply) - upserted,
        upserted,
        failures,
    })
}
