//! Checks whether a deployment has everything that the daemons need, for a person. They make and change nothing.

use bson::doc;
use mongodb::error::ErrorKind;
use tahoe_core::Status;

use crate::archive::open as archive;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::essence::essence;
use crate::mongo::find::Find;
use crate::mongo::indexes::{self, ID, Index, QUERY_TURN};
use crate::mongo::server::Server;
use crate::queries::queue::Queries;

/// MongoDB's error code for a collection that does not exist.
const NAMESPACE_NOT_FOUND: i32 = 26;

/// The version and kind of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// The version of MongoDB, such as `6.0.5`.
    pub version: String,
    /// Whether it is part of a replica set or a sharded cluster: only those have transactions and change streams.
    pub replicated: bool,
    /// Seconds of history that it keeps. `None` where it keeps none that could be set, or does not tell this user.
    pub history_s: Option<i32>,
}

/// The purpose of a collection, which determines its indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Cache entries, with GridFS beside them.
    Cache,
    /// Raws and the TAHOE graph.
    Archive,
    /// Queries and reports.
    Queries,
    /// Users and organisations.
    Identity,
}

impl Server {
    /// Returns the version and kind of the server.
    pub async fn info(&self) -> Result<ServerInfo, StoreError> {
        let doing = "asking the server what it is";
        let hello = self.command(doing, doc! {"hello": 1}).await?;
        let build = self.command(doing, doc! {"buildInfo": 1}).await?;
        let router = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
        let history = "minSnapshotHistoryWindowInSeconds";
        let settings = self.command(doing, doc! {"getParameter": 1, history: 1});
        let history_s = settings
            .await
            .ok()
            .and_then(|set| set.get_i32(history).ok());
        Ok(ServerInfo {
            version: build.get_str("version").unwrap_or_default().to_owned(),
            replicated: router || hello.contains_key("setName"),
            history_s,
        })
    }

    /// Returns the indexes that a collection and those beside it should have but lack, as `collection.index`.
    pub async fn missing_indexes(
        &self,
        db: &str,
        coll: &str,
        purpose: Purpose,
    ) -> Result<Vec<String>, StoreError> {
        let (journal, going) = (archive::journal(coll), archive::going(coll));
        let wanted: Vec<(&str, Vec<Index>)> = match purpose {
            Purpose::Cache => vec![
                (coll, indexes::entries()),
                ("fs.files", indexes::grid_files()),
                ("fs.chunks", indexes::grid_chunks()),
            ],
            Purpose::Archive => vec![
                (coll, indexes::archive()),
                (&journal, indexes::journal()),
                (&going, indexes::going()),
            ],
            Purpose::Queries => vec![
                (coll, indexes::queries()),
                ("feed_values", indexes::feed_values()),
            ],
            Purpose::Identity => {
                vec![
                    (coll, indexes::identities()),
                    ("revoked", indexes::revoked()),
                    ("tokens", indexes::tokens()),
                ]
            }
        };
        let mut missing = Vec::new();
        for (coll, wanted) in wanted {
            let there = match indexes::names(&self.collection(db, coll)).await {
                Err(StoreError::Database { cause, .. }) if is_not_there(&cause) => Vec::new(),
                names => names?,
            };
            let lacks = wanted
                .iter()
                .filter(|index| !there.contains(&index.name.to_owned()));
            missing.extend(lacks.map(|index| format!("{coll}.{}", index.name)));
        }
        Ok(missing)
    }
}

impl Queries {
    /// Counts the queries that are waiting or being answered.
    pub async fn count_open(&self) -> Result<u64, StoreError> {
        let open = [Status::Wait, Status::Processing];
        let open = open.map(|status| status.attribute().hash().to_string());
        let filter = doc! {"sub_type": "query", "_cref": {"$in": open.to_vec()}};
        Find::new("counting open queries", QUERY_TURN, filter)
            .count(&self.coll)
            .await
    }
}

impl Cache {
    /// Counts the entries, up to a thousand, that are in no list: `processed` is no boolean, or `_id` is of another
    /// program. Reads all entries.
    pub async fn count_odd(&self) -> Result<u64, StoreError> {
        odd().count(&self.entries).await
    }
}

fn odd() -> Find {
    let is_not = |field: &str, kind: &str| doc! {"$ne": [{"$type": field}, kind]};
    let odd = doc! {"$or": [is_not("$processed", "bool"), is_not("$_id", "objectId")]};
    Find::new("counting odd entries", ID, doc! {"$expr": odd}).limit(1000)
}

impl StoreError {
    /// Returns the reason of an error, without the name of the operation if the server did not answer.
    pub fn brief(&self) -> String {
        match self {
            Self::Database { cause, .. }
                if matches!(&*cause.kind, ErrorKind::ServerSelection { .. }) =>
            {
                essence(cause)
            }
            _ => self.to_string(),
        }
    }
}

fn is_not_there(error: &mongodb::error::Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if command.code == NAMESPACE_NOT_FOUND)
}
