//! Sizes of collections, and numbers of what the settings will free, for a person.

use bson::{Document, doc};

use crate::archive::open::Archive;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::{ENTRY_BAD, ID, RAW_TYPE};
use crate::mongo::server::Server;
use crate::quarantine::selection::id_at;
use crate::queries::queue::Queries;
use crate::sweep::cache::CacheKeep;

const MEASURING: &str = "measuring collections";
const COUNTING: &str = "counting what will be removed";

/// The most documents that are counted.
const COUNTED: i64 = 1_000_000;

/// The size of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// The collection's name.
    pub coll: String,
    /// The number of documents, as the server last counted them.
    pub documents: u64,
    /// Compressed bytes on disk.
    pub disk_bytes: u64,
    /// Bytes of indexes.
    pub index_bytes: u64,
}

impl Server {
    /// Has the server write a checkpoint, by which it knows how much collections take on disk.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        let fsync = self.command("writing a checkpoint", doc! {"fsync": 1});
        fsync.await.map(drop)
    }
}

impl Archive {
    /// Returns the sizes of the archive's collection and those beside it.
    pub async fn sizes(&self) -> Result<Vec<Size>, StoreError> {
        sizes(&[&self.coll, &self.journal, &self.going]).await
    }

    /// Counts the raws of a typetag, up to a million, that were accepted before this time in Unix seconds.
    pub async fn count_raws_before(&self, typetag: &str, time: f64) -> Result<u64, StoreError> {
        let filter = doc! {"itype": "raw", "sub_type": typetag, "timestamp": {"$lt": time}};
        let find = Find::new(COUNTING, RAW_TYPE, filter).limit(COUNTED);
        find.count(&self.coll).await
    }
}

impl Cache {
    /// Returns the sizes of the cache's collections.
    pub async fn sizes(&self) -> Result<Vec<Size>, StoreError> {
        sizes(&[&self.entries, &self.files, &self.chunks]).await
    }

    /// Counts the entries, up to a million, that need not be kept at this time in Unix seconds.
    pub async fn count_old(&self, keep: CacheKeep, now: f64) -> Result<u64, StoreError> {
        let mut old = 0;
        if let Some(keep) = keep.good_s {
            let range = doc! {"_id": {"$lt": id_at(now - keep)}};
            let mut filter = doc! {"processed": true, "bad_data": {"$ne": true}};
            filter.extend(range);
            let find = Find::new(COUNTING, ID, filter).limit(COUNTED);
            old += find.count(&self.entries).await?;
        }
        if let Some(keep) = keep.bad_s {
            let filter = doc! {"bad_data": true, "_id": {"$lt": id_at(now - keep)}};
            let find = Find::new(COUNTING, ENTRY_BAD, filter).limit(COUNTED);
            old += find.count(&self.entries).await?;
        }
        Ok(old)
    }
}

impl Queries {
    /// Returns the size of the collection of queries and reports.
    pub async fn sizes(&self) -> Result<Vec<Size>, StoreError> {
        sizes(&[&self.coll]).await
    }
}

async fn sizes(colls: &[&Documents]) -> Result<Vec<Size>, StoreError> {
    let mut sizes = Vec::new();
    for coll in colls {
        let stats = [doc! {"$collStats": {"storageStats": {}}}];
        let rows = coll.named(MEASURING).aggregate(stats).rows().await;
        let rows: Vec<Document> = match rows {
            Ok(rows) => rows.read().await?,
            // a collection that nothing was written to
            Err(error) if error.code() == Some(26) => Vec::new(),
            Err(error) => return Err(error),
        };
        let sum = |field: &str| -> u64 {
            let stats = rows
                .iter()
                .filter_map(|row| row.get_document("storageStats").ok());
            stats.filter_map(|stats| whole(stats, field)).sum()
        };
        sizes.push(Size {
            coll: coll.name().to_owned(),
            documents: sum("count"),
            disk_bytes: sum("storageSize"),
            index_bytes: sum("totalIndexSize"),
        });
    }
    Ok(sizes)
}

fn whole(stats: &Document, field: &str) -> Option<u64> {
    let value = stats.get(field)?;
    let number = value.as_i64().or(value.as_i32().map(i64::from));
    number.or(value.as_f64().map(|n| n as i64))?.try_into().ok()
}
