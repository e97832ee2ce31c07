//! The baseline of benchmarks: writing the same documents without any care.

use bson::{RawDocumentBuf, doc};

use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::mongo::bulk::COMMAND_DOCUMENTS;

/// All documents of an archive, as stored.
#[derive(Debug, Clone)]
pub struct BareDocuments(Vec<RawDocumentBuf>);

impl BareDocuments {
    /// Returns the number of documents.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns their size in BSON, in bytes.
    pub fn bytes(&self) -> usize {
        self.0
            .iter()
            .map(|document| document.as_bytes().len())
            .sum()
    }
}

impl Archive {
    /// Reads all documents into memory, in the order in which they were written.
    pub async fn read_bare(&self) -> Result<BareDocuments, StoreError> {
        let reading = self.coll.named("reading all documents");
        let rows = reading.find(doc! {}).rows().await?;
        Ok(BareDocuments(rows.all().await?))
    }

    /// Writes new documents as fast as the server accepts them from one client: by unordered `insertMany` commands of
    /// 1000, one after the other.
    pub async fn insert_bare(&self, documents: &BareDocuments) -> Result<(), StoreError> {
        for part in documents.0.chunks(COMMAND_DOCUMENTS) {
            let insert = self.coll.named("inserting documents").insert_many(part);
            insert.with(|insert| insert.ordered(false)).send().await?;
        }
        Ok(())
    }
}
