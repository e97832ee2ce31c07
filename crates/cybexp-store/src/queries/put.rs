//! Storing queries for the report daemons.

use bson::{Document, doc};
use tahoe_core::{Hash, Query};

use crate::error::{Doing, StoreError};
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::to_document;
use crate::mongo::swap::refused;
use crate::queries::fields::{ASKED, MAC, REDO, SOCKET_MAC, USER};
use crate::queries::queue::{Queries, descendants, unix_now};

const STORING: &str = "storing queries";

/// The authentication codes of a query, in hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryCodes {
    /// The code of the question: who asked what, and when.
    pub query: String,
    /// The code of the socket on which the API waits.
    pub socket: String,
}

impl Queries {
    /// Stores queries without authentication codes, as the Python API does; see [`Self::put_all`].
    pub async fn put(&self, queries: &[Query]) -> Result<(), StoreError> {
        self.put_all(queries, &[], |_, _| None).await
    }

    /// Stores queries in their status. A query replaces the same question of the same hour, and goes to the back of its
    /// user's queries. The last answer stays beside a query that is asked again, for those who still wait for it.
    ///
    /// Queries of the hashes `redone` must be answered anew, even if an answer is remembered. `codes` makes the
    /// authentication codes of a query, which has this hash.
    pub async fn put_all(
        &self,
        queries: &[Query],
        redone: &[Hash],
        codes: impl Fn(Hash, &Query) -> Option<QueryCodes>,
    ) -> Result<(), StoreError> {
        let mut nodes = Vec::new();
        let mut updates = Vec::new();
        for query in queries {
            let object = query
                .to_object()
                .map_err(|error| refused(STORING, &error))?;
            nodes.extend(descendants(&object));
            let document = to_document(&object).map_err(|error| refused(STORING, &error))?;
            let mut set = Document::try_from(&document).doing(STORING)?;
            set.insert(ASKED, unix_now());
            set.insert(USER, query.userid.as_str());
            let mut unset = doc! {"_lease": "", "_error": ""};
            let codes = codes(object.hash(), query);
            let (mac, socket) = codes.map(|codes| (codes.query, codes.socket)).unzip();
            for (field, code) in [(MAC, mac), (SOCKET_MAC, socket)] {
                match code {
                    Some(code) => set.insert(field, code),
                    None => unset.insert(field, ""),
                };
            }
            match redone.contains(&object.hash()) {
                true => set.insert(REDO, true),
                false => unset.insert(REDO, ""),
            };
            updates.push(Update {
                filter: doc! {"_hash": object.hash().to_string()},
                update: doc! {"$set": set, "$unset": unset}.into(),
                upsert: true,
            });
        }
        self.insert_nodes(nodes).await?;
        let updated = bulk::update(&self.coll, &updates, STORING).await?;
        updated.whole(STORING).map(drop)
    }
}
