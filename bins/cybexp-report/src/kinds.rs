//! What is an attribute, and what an object.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cybexp_store::{Archive, StoreError};
use lru::LruCache;
use tahoe_core::Hash;

/// So many are remembered, in about 10 MB.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// Remembers it, for a hash says it for ever; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Kinds(Arc<Mutex<LruCache<Hash, bool>>>);

impl Kinds {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(REMEMBERED))))
    }

    /// For each of these that is an attribute or an object whether it is an attribute, in the order of hashes.
    pub(crate) async fn of(
        &self,
        archive: &Archive,
        hashes: impl IntoIterator<Item = Hash>,
    ) -> Result<Vec<(Hash, bool)>, StoreError> {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        {
            let mut remembered = self.lock();
            for hash in hashes {
                match remembered.get(&hash) {
                    Some(is_attribute) => known.push((hash, *is_attribute)),
                    None => unknown.push(hash),
                }
            }
        }
        let read = archive.kinds(&unknown).await?;
        let mut remembered = self.lock();
        for kind in read {
            remembered.put(kind.hash, kind.is_attribute);
            known.push((kind.hash, kind.is_attribute));
        }
        known.sort_unstable();
        Ok(known)
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Hash, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
