//! Looking up which of the referenced instances were taken over.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use bson::{RawDocumentBuf, doc};
use lru::LruCache;
use tahoe_core::Hash;

use crate::archive::ids;
use crate::archive::missing;
use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;

/// The most attributes and objects that are remembered, about 100 bytes each.
const MOST: NonZeroUsize = NonZeroUsize::new(500_000).unwrap();

/// An instance that was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// An attribute or object.
    Node,
    /// An event of this organisation.
    Event(String),
}

/// The instances that were taken over. Nothing is deleted meanwhile, so what was seen exists.
pub(super) struct Lookup {
    coll: Documents,
    nodes: LruCache<Hash, ()>,
}

impl Lookup {
    pub(super) fn new(coll: &Documents) -> Self {
        Self {
            coll: coll.clone(),
            nodes: LruCache::new(MOST),
        }
    }

    /// Returns those of the nodes that have no document, sorted. The caller writes them.
    pub(super) async fn lacking(
        &mut self,
        nodes: impl Iterator<Item = Hash>,
    ) -> Result<Vec<Hash>, StoreError> {
        let mut unknown: Vec<Hash> = nodes
            .filter(|hash| self.nodes.get(hash).is_none())
            .collect();
        unknown.sort_unstable();
        let ids = ids::of_hashes(&unknown);
        let existing = missing::existing(&self.coll, ids.iter()).await?;
        self.learn(unknown.iter().copied());
        let lacking = unknown.into_iter().zip(&ids);
        let lacking = lacking.filter(|(_, id)| !existing.holds(id));
        Ok(lacking.map(|(hash, _)| hash).collect())
    }

    /// Remembers that these exist.
    pub(super) fn learn(&mut self, nodes: impl Iterator<Item = Hash>) {
        for hash in nodes {
            self.nodes.put(hash, ());
        }
    }

    /// Returns the attributes, objects and events that exist among these.
    pub(super) async fn find(
        &mut self,
        hashes: impl IntoIterator<Item = Hash>,
    ) -> Result<HashMap<Hash, Found>, StoreError> {
        let mut found = HashMap::new();
        let mut unknown = Vec::new();
        for hash in hashes {
            match self.nodes.get(&hash) {
                Some(()) => drop(found.insert(hash, Found::Node)),
                None => unknown.push(hash),
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        let parts = unknown.chunks(2 * ASK).map(|part| {
            let filter = doc! {"_id": {"$in": ids::of_hashes(part)}};
            Find::new("looking up what sessions and raws refer to", ID, filter)
                .project(doc! {"_id": 1, "orgid": 1})
                .all(&self.coll)
        });
        let rows: Vec<Vec<RawDocumentBuf>> = futures::future::try_join_all(parts).await?;
        for row in rows.iter().flatten() {
            let id = row.get_binary("_id").ok().and_then(ids::bytes_of);
            let asked = |id| unknown.binary_search_by(|hash| hash.as_bytes()[..].cmp(id));
            let Some(Ok(at)) = id.map(asked) else {
                continue;
            };
            let hash = unknown[at];
            match row.get_str("orgid") {
                Ok(orgid) => drop(found.insert(hash, Found::Event(orgid.to_owned()))),
                Err(_) => {
                    self.nodes.put(hash, ());
                    found.insert(hash, Found::Node);
                }
            }
        }
        Ok(found)
    }
}
