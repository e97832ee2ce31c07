//! Helpers for `cybexp bench`: filling an archive fast, and the bare database operations with which reports are
//! compared.

use bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::error::ErrorKind;
use mongodb::options::{Acknowledgment, WriteConcern};
use tahoe_core::question::Conditions;
use tahoe_core::{Hash, Instance};

use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::graph::read::pages;
use crate::mongo::bulk::{COMMAND_DOCUMENTS, DUPLICATE_KEY};
use crate::mongo::collection::to_document;
use crate::mongo::find::Find;
use crate::mongo::indexes::{self, IDENTITY};
use crate::mongo::server::Server;
use crate::visible::Visible;

/// The amount that the server has read so far, for all clients.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reads {
    /// Keys of indexes.
    pub keys: i64,
    /// Documents.
    pub documents: i64,
}

impl Archive {
    /// Opens the collection with only the identity index. Making the others is faster once the collection is filled, by
    /// [`Archive::open`].
    pub async fn open_to_load(server: &Server, db: &str, coll: &str) -> Result<Self, StoreError> {
        let archive = Self::new(server, db, coll);
        let identity = indexes::archive();
        let identity = identity.into_iter().find(|index| index.name == IDENTITY);
        indexes::ensure(&archive.coll, identity.as_slice()).await?;
        Ok(archive)
    }

    /// Whether the collection is empty.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let any = self.coll.named("looking into the archive").find(doc! {});
        let any = any.with(|find| find.limit(1)).rows().await?;
        Ok(any.all().await?.is_empty())
    }

    /// Writes instances without waiting for the disk. Those that are stored already must be equal.
    pub async fn load(&self, instances: &[Instance]) -> Result<(), StoreError> {
        let doing = "loading instances";
        let concern = WriteConcern::builder()
            .w(Acknowledgment::Nodes(1))
            .journal(false)
            .build();
        for part in instances.chunks(COMMAND_DOCUMENTS) {
            let documents: Result<Vec<RawDocumentBuf>, String> =
                part.iter().map(to_document).collect();
            let documents = documents.map_err(|message| StoreError::Write {
                doing,
                code: 0,
                message,
            })?;
            let insert = self.coll.named(doing).insert_many(documents);
            let insert = insert.with(|insert| insert.ordered(false).write_concern(concern.clone()));
            match insert.send().await {
                Err(StoreError::Database { cause, .. }) if is_known(&cause) => {}
                done => drop(done?),
            }
        }
        Ok(())
    }

    /// Looks up whether any event that `visible` shows meets the conditions, by the index alone.
    pub async fn bare_key(&self, of: &Conditions, visible: &Visible) -> Result<(), StoreError> {
        let find = pages::events(of, visible).project(doc! {"_id": 0, "category": 1});
        find.limit(1).all(&self.coll).await.map(drop)
    }

    /// Counts by the index, key by key.
    pub async fn bare_count(&self, of: &Conditions, visible: &Visible) -> Result<u64, StoreError> {
        pages::events(of, visible).count(&self.coll).await
    }

    /// Reads ten events in the order of the index.
    pub async fn bare_page(&self, of: &Conditions, visible: &Visible) -> Result<(), StoreError> {
        let find = pages::first(of, visible, 10);
        find.all(&self.coll).await.map(drop)
    }

    /// Reads one document by its hash.
    pub async fn bare_document(&self, hash: Hash) -> Result<(), StoreError> {
        let filter = doc! {"_hash": hash.to_string()};
        let find = Find::new("reading a document", IDENTITY, filter).limit(1);
        find.all(&self.coll).await.map(drop)
    }
}

impl Server {
    /// Returns the amount that the server has read since it started.
    pub async fn reads(&self) -> Result<Reads, StoreError> {
        let status = doc! {"serverStatus": 1};
        let status = self
            .command("asking for the server's status", status)
            .await?;
        let read = |name: &str| {
            let metrics = status.get_document("metrics").ok();
            let executor = metrics.and_then(|m| m.get_document("queryExecutor").ok());
            executor.map_or(0, |executor| number(executor, name))
        };
        Ok(Reads {
            keys: read("scanned"),
            documents: read("scannedObjects"),
        })
    }
}

/// Whether the only errors are documents that are stored already.
fn is_known(error: &mongodb::error::Error) -> bool {
    matches!(&*error.kind, ErrorKind::InsertMany(refused)
        if refused.write_errors.iter().flatten().all(|e| e.code == DUPLICATE_KEY))
}

fn number(document: &Document, name: &str) -> i64 {
    match document.get(name) {
        Some(Bson::Int64(number)) => *number,
        Some(Bson::Int32(number)) => i64::from(*number),
        _ => 0,
    }
}
