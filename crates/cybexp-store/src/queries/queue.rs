//! The collection of queries and reports.

use std::time::{SystemTime, UNIX_EPOCH};

use bson::{RawDocumentBuf, doc};
use tahoe_core::{Hash, Instance, Node, Object, Status, Value};

use crate::error::StoreError;
use crate::mongo::bulk;
use crate::mongo::collection::{Documents, to_document};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::{self, IDENTITY};
use crate::mongo::server::Server;
use crate::mongo::watch::Watch;

/// Queries and reports: `report_db.instance`.
#[derive(Debug, Clone)]
pub struct Queries {
    pub(crate) coll: Documents,
}

impl Queries {
    /// Opens the collection and makes its indexes.
    pub async fn open(server: &Server, db: &str, coll: &str) -> Result<Self, StoreError> {
        let coll = server.collection(db, coll);
        indexes::ensure(&coll, &indexes::queries()).await?;
        let queries = Self { coll };
        // every hash in a query's `_cref` must be a document; those of the statuses are stored here
        let statuses = [
            Status::Wait,
            Status::Processing,
            Status::Ready,
            Status::Failed,
        ];
        let statuses = statuses.map(|status| Node::from(status.attribute()));
        queries.insert_nodes(statuses.to_vec()).await?;
        Ok(queries)
    }

    /// Returns a watch that wakes when a query may be waiting.
    pub fn watch(&self) -> Watch {
        let of = doc! {"operationType": {"$in": ["insert", "update", "replace"]}};
        Watch::new(self.coll.clone(), of)
    }

    /// Returns a query or report by its hash.
    pub async fn document(&self, hash: Hash) -> Result<Option<Value>, StoreError> {
        let find = by_hash(&[hash.to_string()])
            .project(doc! {"_id": 0})
            .limit(1);
        Ok(find.read(&self.coll).await?.pop())
    }

    pub(super) async fn insert_nodes(&self, nodes: Vec<Node>) -> Result<(), StoreError> {
        let doing = "writing what queries refer to";
        let mut missing: std::collections::BTreeMap<String, Node> = nodes
            .into_iter()
            .map(|node| (node.hash().to_string(), node))
            .collect();
        let hashes: Vec<String> = missing.keys().cloned().collect();
        for part in hashes.chunks(ASK) {
            let find = by_hash(part).project(doc! {"_id": 0, "_hash": 1});
            let mut rows = find.rows(&self.coll).await?;
            while let Some(row) = rows.next().await? {
                missing.remove(row.get_str("_hash").unwrap_or_default());
            }
        }
        let documents: Vec<RawDocumentBuf> = missing
            .into_values()
            .map(|node| to_document(&Instance::from(node)))
            .collect::<Result<_, _>>()
            .map_err(|message| StoreError::Write {
                doing,
                code: 0,
                message,
            })?;
        bulk::insert_whole(&self.coll, &documents, doing).await
    }
}

/// Returns the seconds since 1970.
pub(super) fn unix_now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// Returns the nodes below an object, at all depths.
pub(super) fn descendants(object: &Object) -> Vec<Node> {
    let mut nodes = Vec::new();
    for node in object.children().iter() {
        if let Node::Object(child) = node {
            nodes.extend(descendants(child));
        }
        nodes.push(node.clone());
    }
    nodes
}

pub(crate) fn by_hash(hashes: &[String]) -> Find {
    let filter = doc! {"_hash": {"$in": hashes}};
    Find::new("reading queries and reports", IDENTITY, filter)
}
