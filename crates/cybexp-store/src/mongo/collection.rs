//! Collections whose documents are read and written in their wire form.

use std::borrow::Borrow;

use bson::{Document, RawDeserializer, RawDocument, RawDocumentBuf};
use mongodb::action::{
    Aggregate, CountDocuments, Delete, Find, FindOneAndUpdate, InsertMany, Update,
};
use mongodb::options::UpdateModifications;
use mongodb::{Collection, Database};
use serde::de::DeserializeOwned;

use crate::mongo::operation::Operation;

/// A collection whose documents are only parsed when a field is read; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Documents(Collection<RawDocumentBuf>, Database);

/// A collection with the name of the operation that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    coll: &'a Collection<RawDocumentBuf>,
    db: &'a Database,
    name: &'static str,
}

impl Documents {
    pub(super) fn new(coll: Collection<RawDocumentBuf>) -> Self {
        let database = coll.client().database(&coll.namespace().db);
        Self(coll, database)
    }

    /// Starts a command. Every command needs this name, which labels its metric, its errors, and its entry in the
    /// server's log.
    pub(crate) fn named(&self, name: &'static str) -> Named<'_> {
        Named {
            coll: &self.0,
            db: &self.1,
            name,
        }
    }

    /// Returns the collection's own name.
    pub(crate) fn name(&self) -> &str {
        self.0.name()
    }

    /// Returns the driver's collection, for the other files of this folder.
    #[cfg(not(test))]
    pub(super) fn driver(&self) -> &Collection<RawDocumentBuf> {
        &self.0
    }

    /// Returns the driver's collection.
    #[cfg(test)]
    pub(crate) fn driver(&self) -> &Collection<RawDocumentBuf> {
        &self.0
    }

    /// Returns another collection of the same database.
    #[cfg(feature = "inspect")]
    pub(crate) fn beside(&self, coll: &str) -> Self {
        Self(self.1.collection(coll), self.1.clone())
    }
}

impl<'a> Named<'a> {
    fn operation<C>(self, command: C) -> Operation<C> {
        Operation::new(self.name, command)
    }

    pub(crate) fn find(self, filter: Document) -> Operation<Find<'a, RawDocumentBuf>> {
        self.operation(self.coll.find(filter).comment(self.name))
    }

    pub(crate) fn count_documents(self, filter: Document) -> Operation<CountDocuments<'a>> {
        self.operation(self.coll.count_documents(filter).comment(self.name))
    }

    pub(crate) fn aggregate(
        self,
        pipeline: impl IntoIterator<Item = Document>,
    ) -> Operation<Aggregate<'a, mongodb::action::ImplicitSession, RawDocumentBuf>> {
        let aggregate = self.coll.aggregate(pipeline).comment(self.name);
        self.operation(aggregate.with_type::<RawDocumentBuf>())
    }

    /// Starts an aggregation whose first stage gives the documents.
    pub(crate) fn aggregate_documents(
        self,
        pipeline: impl IntoIterator<Item = Document>,
    ) -> Operation<Aggregate<'a, mongodb::action::ImplicitSession, RawDocumentBuf>> {
        let aggregate = self.db.aggregate(pipeline).comment(self.name);
        self.operation(aggregate.with_type::<RawDocumentBuf>())
    }

    pub(crate) fn insert_many(
        self,
        documents: impl IntoIterator<Item = impl Borrow<RawDocumentBuf>>,
    ) -> Operation<InsertMany<'a>> {
        self.operation(self.coll.insert_many(documents).comment(self.name))
    }

    pub(crate) fn update_one(
        self,
        filter: Document,
        update: impl Into<UpdateModifications>,
    ) -> Operation<Update<'a>> {
        self.operation(self.coll.update_one(filter, update).comment(self.name))
    }

    pub(crate) fn update_many(
        self,
        filter: Document,
        update: impl Into<UpdateModifications>,
    ) -> Operation<Update<'a>> {
        self.operation(self.coll.update_many(filter, update).comment(self.name))
    }

    pub(crate) fn find_one_and_update(
        self,
        filter: Document,
        update: impl Into<UpdateModifications>,
    ) -> Operation<FindOneAndUpdate<'a, RawDocumentBuf>> {
        let update = self.coll.find_one_and_update(filter, update);
        self.operation(update.comment(self.name))
    }

    pub(crate) fn delete_one(self, filter: Document) -> Operation<Delete<'a>> {
        self.operation(self.coll.delete_one(filter).comment(self.name))
    }

    pub(crate) fn delete_many(self, filter: Document) -> Operation<Delete<'a>> {
        self.operation(self.coll.delete_many(filter).comment(self.name))
    }
}

/// The largest document that is stored, in bytes. MongoDB allows 16 MiB; the rest is for notes of the daemons.
pub(crate) const DOCUMENT_LIMIT_BYTES: usize = 15 << 20;

/// Makes the document of an instance, or returns the reason why it is impossible.
pub(crate) fn to_document(instance: &impl serde::Serialize) -> Result<RawDocumentBuf, String> {
    let document =
        bson::serialize_to_raw_document_buf(instance).map_err(|error| error.to_string())?;
    let bytes = document.as_bytes().len();
    if bytes > DOCUMENT_LIMIT_BYTES {
        return Err(too_large(bytes));
    }
    Ok(document)
}

/// Returns the reason why a document of this size cannot be stored.
pub(crate) fn too_large(bytes: usize) -> String {
    format!(
        "{bytes} bytes are more than the {} MiB that one document can hold",
        DOCUMENT_LIMIT_BYTES >> 20
    )
}

/// Checks whether the archive can store an instance. The error is the reason, which is its size.
pub fn check_fits(instance: &impl serde::Serialize) -> Result<(), String> {
    to_document(instance).map(|_| ())
}

/// Reads a document as `T`. The error is the problem, with the field.
pub(crate) fn from_document<T: DeserializeOwned>(document: &RawDocument) -> Result<T, String> {
    let told = |error: bson::error::Error| {
        let kind = error.kind.to_string();
        error.message.unwrap_or(kind)
    };
    let bytes = document.as_bytes();
    bson::deserialize_from_slice(bytes).or_else(|_| {
        // read it again, because tracking the path takes time that only errors are worth
        let deserializer = RawDeserializer::new(bytes).map_err(told)?;
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            match error.path().to_string().as_str() {
                "." => told(error.into_inner()),
                path => format!("field {path}: {}", told(error.into_inner())),
            }
        })
    })
}
