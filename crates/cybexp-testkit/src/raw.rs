//! Direct access to stored documents, to write those that the suite never writes, and to see those that it wrote.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use mongodb::{Client, Collection};
use serde_json::Value;

use crate::Site;

/// The size of an archive on disk.
#[derive(Debug, Clone)]
pub struct ArchiveSize {
    /// The number of documents.
    pub documents: u64,
    /// Bytes of the documents, compressed.
    pub data_bytes: u64,
    /// Bytes of all indexes.
    pub index_bytes: u64,
    /// Bytes of each index, by its name.
    pub indexes: BTreeMap<String, u64>,
}

impl Site {
    /// Has the server write everything to disk, and returns the size of the archive there.
    pub async fn archive_size(&self) -> ArchiveSize {
        let archive = self.collection("tahoe", "instance").await;
        let admin = archive.client().database("admin");
        admin
            .run_command(doc! {"fsync": 1})
            .await
            .expect("the server writes to disk");
        let database = archive.client().database(&archive.namespace().db);
        let stats = database
            .run_command(doc! {"collStats": archive.name()})
            .await;
        let stats = stats.expect("the server knows the collection");
        let number = |name: &str| stats.get(name).map_or(0, whole);
        let indexes = stats.get_document("indexSizes").into_iter().flatten();
        ArchiveSize {
            documents: number("count"),
            data_bytes: number("storageSize"),
            index_bytes: number("totalIndexSize"),
            indexes: indexes
                .map(|(name, bytes)| (name.clone(), whole(bytes)))
                .collect(),
        }
    }

    /// Returns a collection of the database that `section` of the configuration names.
    pub async fn collection(&self, section: &str, coll: &str) -> Collection<Document> {
        let text = std::fs::read_to_string(&self.config).expect("the configuration is there");
        let config: Value = serde_json::from_str(&text).expect("it is JSON");
        let text = |key: &str| {
            config[section][key]
                .as_str()
                .expect("the section is complete")
        };
        let client = Client::with_uri_str(text("mongo_url"))
            .await
            .expect("a valid URL");
        client.database(text("db")).collection(coll)
    }

    /// Returns the documents of such a collection that meet a filter.
    pub async fn documents(&self, section: &str, coll: &str, filter: Document) -> Vec<Document> {
        let coll = self.collection(section, coll).await;
        let mut rows = coll.find(filter).await.expect("the server answers");
        let mut all = Vec::new();
        while rows.advance().await.expect("the server answers") {
            all.push(rows.deserialize_current().expect("it is a document"));
        }
        all
    }
}

/// Returns a number of the server's statistics; 0 if it is none.
fn whole(number: &Bson) -> u64 {
    match number {
        Bson::Int32(n) => u64::try_from(*n).unwrap_or_default(),
        Bson::Int64(n) => u64::try_from(*n).unwrap_or_default(),
        Bson::Double(n) => *n as u64,
        _ => 0,
    }
}
