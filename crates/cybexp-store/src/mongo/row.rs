//! Rows of an answer, each read by itself. A document that is too large or malformed is told by its `_id`, and the
//! others are read all the same.
//!
//! A queue reads with [`Find::within`] and [`Rows::each`], so that whoever reads it holds a bounded number of bytes of
//! each document. It sets aside what cannot be read by its `_id`: first with the update that its other documents get,
//! and with [`remains`] where the server refuses that for the document's sake ([`is_of_the_document`]).

use bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::mongo::collection::{Documents, from_document};
use crate::mongo::find::Find;
use crate::mongo::operation::Rows;

/// Field of a row with the size of the wanted fields, in bytes.
const SIZE: &str = "_bytes";
/// Field of a row with the most bytes that they may have.
const LIMIT: &str = "_most";
/// The longest reason that is kept, in characters.
const REASON_CHARS: usize = 1000;

/// The most characters of the log line about documents that were left out.
const LOGGED_CHARS: usize = 300;

/// One document of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Row<T> {
    /// The document's `_id`; null if it was not asked for.
    pub id: Bson,
    /// Its content, or the reason why it cannot be read.
    pub read: Result<T, String>,
}

impl Find {
    /// Returns only these fields and `_id`, and `_id` alone of a document in which they have more than `most` bytes.
    pub(crate) fn within(self, fields: &[&str], most: usize) -> Self {
        self.project(within(fields, most))
    }

    /// Returns all results as `T`, each read by itself; see [`Rows::each`].
    pub(crate) async fn each<T: DeserializeOwned>(
        self,
        coll: &Documents,
    ) -> Result<Vec<Row<T>>, StoreError> {
        self.rows(coll).await?.each().await
    }
}

/// Makes the projection of [`Find::within`], for commands that are no find.
pub(crate) fn within(fields: &[&str], most: usize) -> Document {
    let wanted: Document = fields
        .iter()
        .map(|field| ((*field).to_owned(), Bson::from(format!("${field}"))))
        .collect();
    let size = doc! {"$bsonSize": wanted};
    let is_small = doc! {"$lte": [&size, most as i64]};
    // the limit goes with the row: its reader could not tell a field that is missing from one that was left out
    let mut projection = doc! {SIZE: size, LIMIT: {"$literal": most as i64}};
    for field in fields {
        let value = doc! {"$cond": [&is_small, format!("${field}"), "$$REMOVE"]};
        projection.insert(*field, value);
    }
    projection
}

impl Rows {
    /// Returns all remaining documents as `T`, each read by itself. Only for queries whose number of results is bounded by
    /// the request.
    pub(crate) async fn each<T: DeserializeOwned>(self) -> Result<Vec<Row<T>>, StoreError> {
        Ok(self.all().await?.iter().map(row).collect())
    }
}

impl Rows {
    /// Returns all remaining documents that are a `T`, for a bounded number of results. The others are left out, and the
    /// first of them is logged: one malformed document must not fail every answer that meets it.
    pub(crate) async fn read<T: DeserializeOwned>(self) -> Result<Vec<T>, StoreError> {
        let mut left_out = LeftOut::new(self.name());
        let documents = self.all().await?;
        let mut all = Vec::with_capacity(documents.len());
        for document in &documents {
            match from_document(document) {
                Ok(row) => all.push(row),
                Err(reason) => left_out.add(document, &reason),
            }
        }
        Ok(all)
    }
}

/// The documents of an answer that cannot be read. They are logged in one line, when the answer is read.
pub(crate) struct LeftOut {
    doing: &'static str,
    documents: u64,
    first: String,
}

impl LeftOut {
    /// Begins to read an answer to this operation.
    pub(crate) fn new(doing: &'static str) -> Self {
        Self {
            doing,
            documents: 0,
            first: String::new(),
        }
    }

    /// Counts a document, and keeps the name and reason of the first.
    pub(crate) fn add(&mut self, document: &RawDocument, reason: &str) {
        self.documents += 1;
        if self.documents == 1 {
            let name = ["_id", "_hash"].map(|field| document.get(field).ok().flatten());
            let name = name.into_iter().flatten().next();
            let told = format!("{name:?}: {reason}");
            self.first = told.escape_debug().take(LOGGED_CHARS).collect();
        }
    }
}

impl Drop for LeftOut {
    fn drop(&mut self) {
        if self.documents > 0 {
            let Self {
                doing,
                documents,
                first,
            } = self;
            tracing::warn!(
                doing,
                documents,
                first,
                "documents cannot be read: left out"
            );
        }
    }
}

/// Reads one document.
pub(crate) fn row<T: DeserializeOwned>(document: &RawDocumentBuf) -> Row<T> {
    let id = document.get("_id").ok().flatten();
    let id = id.and_then(|id| Bson::try_from(id.to_owned()).ok());
    let number = |field| {
        document
            .get_i64(field)
            .or(document.get_i32(field).map(i64::from))
    };
    let read = match (number(SIZE), number(LIMIT)) {
        (Ok(bytes), Ok(most)) if bytes > most => Err(format!(
            "{bytes} bytes are more than the {most} that it may have"
        )),
        _ => from_document(document).map_err(|reason| short(&reason)),
    };
    Row {
        id: id.unwrap_or(Bson::Null),
        read,
    }
}

/// Returns the beginning of a reason: it may quote what the document holds.
fn short(reason: &str) -> String {
    reason.chars().take(REASON_CHARS).collect()
}

/// Makes the update, a pipeline, that leaves nothing of a document but its `_id` and these fields. For a document to which
/// nothing can be added, since it has the size of the largest or values that no index takes.
pub(crate) fn remains(fields: Document) -> Bson {
    let mut new = doc! {"_id": "$_id"};
    new.extend(fields);
    vec![doc! {"$replaceWith": new}].into()
}

/// MongoDB's error codes of a write that one document makes impossible: it would grow too large or too deep, or has a value
/// that an index or the update does not take. Codes that a mistake in a command may have, too, are not among them.
const OF_THE_DOCUMENT: [i32; 13] = [
    14, 15, 22, 28, 52, 56, 57, 66, 171, 10334, 17280, 17419, 17420,
];

/// Whether the server refuses a write with this error code because of the document, and would refuse it again.
pub(crate) fn is_of_the_document(code: i32) -> bool {
    OF_THE_DOCUMENT.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Number {
        #[allow(dead_code, reason = "only whether it can be read is asked")]
        a: i32,
    }

    #[test]
    fn a_document_that_cannot_be_read_is_told_by_its_id() {
        let read =
            |document: Document| row::<Document>(&RawDocumentBuf::try_from(&document).unwrap());
        let large = read(doc! {"_id": 7, SIZE: 70_000, LIMIT: 65_536_i64});
        assert_eq!(large.id, Bson::from(7));
        let reason = large.read.unwrap_err();
        assert_eq!(
            reason,
            "70000 bytes are more than the 65536 that it may have"
        );
        let small = read(doc! {"_id": 7, SIZE: 70, LIMIT: 65_536_i64, "a": 1});
        assert_eq!(small.read.unwrap().get_i32("a").unwrap(), 1);
        let wrong = RawDocumentBuf::try_from(&doc! {"_id": "x", "a": "text"}).unwrap();
        let wrong = row::<Number>(&wrong);
        assert_eq!(wrong.id, Bson::from("x"));
        assert!(wrong.read.unwrap_err().starts_with("field a: "));
    }
}
