//! Helpers for `cybexp bench`: filling an archive fast, and the bare database operations with which reports are
//! compared.

use bson::{Bson, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::{Acknowledgment, WriteConcern};
use tahoe_core::Hash;
use tahoe_core::question::Conditions;

use crate::archive::ids::{self, OrgTag};
use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::graph::read::pages;
use crate::graph::read::wanted::Wanted;
use crate::graph::write::batch::GraphBatch;
use crate::mongo::bulk::{COMMAND_DOCUMENTS, DUPLICATE_KEY};
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::mongo::server::Server;
use crate::values::{page, row};
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
    /// Opens the collection without its indexes. Making them is faster once the collection is filled, by
    /// [`Archive::open`].
    pub fn open_to_load(server: &Server, db: &str, coll: &str) -> Self {
        Self::new(server, db, coll)
    }

    /// Whether the collection is empty.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let any = self.coll.named("looking into the archive").find(doc! {});
        let any = any.with(|find| find.limit(1)).rows().await?;
        Ok(any.all().await?.is_empty())
    }

    /// Writes a batch without waiting for the disk, into an archive that nobody else writes. Attributes and objects that
    /// are stored already must be equal.
    pub async fn load(&self, batch: &GraphBatch) -> Result<(), StoreError> {
        let doing = "loading instances";
        let concern = WriteConcern::builder()
            .w(Acknowledgment::Nodes(1))
            .journal(false)
            .build();
        let documents = batch.documents().map_err(|message| StoreError::Write {
            doing,
            code: 0,
            message,
        })?;
        for part in documents.chunks(COMMAND_DOCUMENTS) {
            let insert = self.coll.named(doing).insert_many(part);
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
        let find = Wanted::new(of, visible)
            .find()
            .project(doc! {"_id": 0, "timestamp": 1});
        find.limit(1).all(&self.coll).await.map(drop)
    }

    /// Counts by the index, key by key.
    pub async fn bare_count(&self, of: &Conditions, visible: &Visible) -> Result<u64, StoreError> {
        Wanted::new(of, visible).find().count(&self.coll).await
    }

    /// Reads ten events in the order of the index.
    pub async fn bare_page(&self, of: &Conditions, visible: &Visible) -> Result<(), StoreError> {
        let find = pages::first(&Wanted::new(of, visible), 10);
        find.all(&self.coll).await.map(drop)
    }

    /// Reads the first twenty rows of values of a sub_type, of each organisation that `visible` shows.
    pub async fn bare_rows(&self, sub_type: &str, visible: &Visible) -> Result<(), StoreError> {
        let range = (String::new(), char::MAX.to_string());
        let reads = visible.orgs().into_iter().map(|org| {
            let head = row::head(&OrgTag::of(org), sub_type);
            page::rows(&head, &range, None, 20).all(&self.values)
        });
        futures::future::try_join_all(reads).await.map(drop)
    }

    /// Reads one document by its hash.
    pub async fn bare_document(&self, hash: Hash) -> Result<(), StoreError> {
        let filter = doc! {"_id": ids::of_hash(hash)};
        let find = Find::new("reading a document", ID, filter).limit(1);
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
