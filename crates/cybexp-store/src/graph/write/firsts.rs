//! Which events of a batch no earlier raw has made.

use std::collections::HashSet;

use bson::{RawBsonRef, RawDocumentBuf, doc};
use tahoe_core::Hash;

use crate::archive::{ids, keys};
use crate::error::StoreError;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::writer::GraphWriter;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;

/// Events that are read at once. One may have 20,000 elements.
const AT_ONCE: usize = 50;

impl GraphWriter {
    /// Returns those of these events, which are written, that a raw of the batch made first: by the order in which raws were
    /// accepted. So of several workers, and of a worker that does a batch again, at least one finds an event to be new; and
    /// a raw that comes later finds it not to be.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn firsts(
        &self,
        batch: &GraphBatch,
        events: &[Hash],
    ) -> Result<HashSet<Hash>, StoreError> {
        let mut firsts = HashSet::new();
        for part in events.chunks(AT_ONCE) {
            for row in find(part).all(&self.coll).await? {
                let id = row.get_binary("_id").ok();
                let Some(hash) =
                    id.and_then(|id| Some(Hash::from_bytes(id.bytes.try_into().ok()?)))
                else {
                    continue;
                };
                let own = batch.keys.get(&hash).into_iter().flatten();
                let own = own.filter(|key| keys::is_of_raw(key)).min();
                let stored = least(&row);
                if own.is_some_and(|own| stored.is_none_or(|stored| own <= &stored)) {
                    firsts.insert(hash);
                }
            }
        }
        Ok(firsts)
    }
}

/// Returns the element of the raw that was accepted first.
fn least(row: &RawDocumentBuf) -> Option<Vec<u8>> {
    let elements = row.get_array("_keys").ok()?.into_iter().flatten();
    let raws = elements.filter_map(|element| match element {
        RawBsonRef::Binary(element) if keys::is_of_raw(element.bytes) => Some(element.bytes),
        _ => None,
    });
    raws.min().map(<[u8]>::to_vec)
}

pub(crate) fn find(events: &[Hash]) -> Find {
    let filter = doc! {"_id": {"$in": ids::of_hashes(events)}};
    let find = Find::new("asking which events are new", ID, filter);
    find.project(doc! {"_keys": 1})
}
