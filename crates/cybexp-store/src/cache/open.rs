//! The cache's collections, with their indexes.

use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::indexes;
use crate::mongo::server::Server;

/// The cache: `cache_db.file_entries` and the GridFS bucket `fs` beside it.
#[derive(Debug, Clone)]
pub struct Cache {
    pub(crate) server: Server,
    pub(crate) db: String,
    pub(crate) entries: Documents,
    pub(crate) files: Documents,
    pub(crate) chunks: Documents,
}

impl Cache {
    /// Opens the collections and makes their indexes.
    pub async fn open(server: &Server, db: &str, coll: &str) -> Result<Self, StoreError> {
        let cache = Self {
            server: server.clone(),
            db: db.to_owned(),
            entries: server.collection(db, coll),
            files: server.collection(db, "fs.files"),
            chunks: server.collection(db, "fs.chunks"),
        };
        indexes::ensure(&cache.entries, &indexes::entries()).await?;
        indexes::ensure(&cache.files, &indexes::grid_files()).await?;
        indexes::ensure(&cache.chunks, &indexes::grid_chunks()).await?;
        Ok(cache)
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.server.ping().await
    }
}
