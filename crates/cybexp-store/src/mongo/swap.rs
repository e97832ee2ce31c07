//! Documents that several clients may change at once. A client only overwrites the document that it read, and reads
//! again if it was changed in the meantime, so that no change is lost.

use std::time::Duration;

use bson::{Document, RawDocumentBuf, doc};
use mongodb::error::{ErrorKind, WriteFailure};
use mongodb::options::Hint;
use serde::{Deserialize, Serialize};
use tahoe_core::{DocumentError, Value};

use crate::error::{Doing, StoreError};
use crate::mongo::bulk::DUPLICATE_KEY;
use crate::mongo::collection::{Documents, from_document, to_document};
use crate::mongo::find::Find;
use crate::mongo::indexes::IDENTITY;
use crate::mongo::json;
use crate::mongo::row::LeftOut;

/// Attempts at a change that loses races against others. Each time, another change succeeded.
const ATTEMPTS: u32 = 200;

/// A value, with the document from which it was read.
pub(crate) struct Stored<T> {
    pub value: T,
    document: RawDocumentBuf,
}

#[derive(Deserialize)]
struct Json(#[serde(deserialize_with = "json::read")] Value);

/// Reads all documents that `find` finds. Those that cannot be read are left out, and logged.
pub(crate) async fn read<T>(
    coll: &Documents,
    find: Find,
    parse: impl Fn(&Value) -> Result<T, DocumentError>,
) -> Result<Vec<Stored<T>>, StoreError> {
    let doing = find.doing;
    let mut all = Vec::new();
    let mut left_out = LeftOut::new(doing);
    for document in find.project(doc! {"_id": 0}).all(coll).await? {
        let read = from_document::<Json>(&document)
            .and_then(|Json(value)| parse(&value).map_err(|error| error.to_string()));
        match read {
            Ok(value) => all.push(Stored { value, document }),
            Err(reason) => left_out.add(&document, &reason),
        }
    }
    Ok(all)
}

/// Inserts the document, unless one exists that `taken` matches or that has the same identity.
pub(crate) async fn insert(
    coll: &Documents,
    taken: Document,
    new: &impl Serialize,
    doing: &'static str,
) -> Result<bool, StoreError> {
    let insert = doc! {"$setOnInsert": document(new, doing)?};
    let update = coll.named(doing).update_one(taken, insert);
    let update = update.with(|update| update.upsert(true).hint(Hint::Name(IDENTITY.to_owned())));
    match update.send().await {
        Ok(done) => Ok(done.upserted_id.is_some()),
        Err(StoreError::Database { cause, .. }) if is_duplicate(&cause) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes `now` if the document is unchanged since it was read. Returns false if it was changed.
pub(crate) async fn write<T>(
    coll: &Documents,
    was: &Stored<T>,
    now: &impl Serialize,
    doing: &'static str,
) -> Result<bool, StoreError> {
    let (filter, update) = change(was, &document(now, doing)?, doing)?;
    let update = coll.named(doing).update_one(filter, update);
    let update = update.with(|update| update.hint(Hint::Name(IDENTITY.to_owned())));
    Ok(update.send().await?.matched_count == 1)
}

/// Makes the filter, which matches the document only if nobody has changed it, and the update.
pub(crate) fn change<T>(
    was: &Stored<T>,
    now: &Document,
    doing: &'static str,
) -> Result<(Document, Document), StoreError> {
    let was = Document::try_from(&was.document).doing(doing)?;
    let absent = now.keys().filter(|name| !was.contains_key(name));
    let mut filter: Document = absent
        .map(|name| (name.clone(), doc! {"$exists": false}.into()))
        .collect();
    for (name, value) in was {
        let unchanged = match name.as_str() {
            // without an operator, so that it bounds the index
            "_hash" => value,
            _ => doc! {"$eq": value}.into(),
        };
        filter.insert(name, unchanged);
    }
    Ok((filter, doc! {"$set": now}))
}

fn document(instance: &impl Serialize, doing: &'static str) -> Result<Document, StoreError> {
    let document = to_document(instance).map_err(|reason| refused(doing, &reason))?;
    Document::try_from(&document).doing(doing)
}

/// Makes the error of a value that cannot be stored.
pub(crate) fn refused(doing: &'static str, reason: &impl ToString) -> StoreError {
    StoreError::Write {
        doing,
        code: 0,
        message: reason.to_string(),
    }
}

fn is_duplicate(error: &mongodb::error::Error) -> bool {
    matches!(&*error.kind, ErrorKind::Write(WriteFailure::WriteError(e)) if e.code == DUPLICATE_KEY)
}

/// Counts the attempts at one change.
pub(crate) struct Race {
    doing: &'static str,
    lost: u32,
}

impl Race {
    pub(crate) fn new(doing: &'static str) -> Self {
        Self { doing, lost: 0 }
    }

    /// Waits a little, so that not all clients try again at the same time.
    pub(crate) async fn lost(&mut self) -> Result<(), StoreError> {
        self.lost += 1;
        if self.lost == ATTEMPTS {
            return Err(refused(self.doing, &"others change it all the time"));
        }
        let pause = rand::random_range(0..=u64::from(self.lost.min(20)));
        tokio::time::sleep(Duration::from_millis(pause)).await;
        Ok(())
    }
}
