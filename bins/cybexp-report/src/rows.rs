//! Rows of attributes and objects that were read before. They never change, since their hash is made of them.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cybexp_store::{InstanceRow, StoreError};
use lru::LruCache;
use tahoe_core::Hash;
use threatrank::NodeKind;

/// A row that is read by the hash of its node.
pub(crate) trait KeyedRow: Clone {
    /// The number of rows that are kept.
    const MOST: NonZeroUsize;

    fn hash(&self) -> Hash;

    /// Whether the row is small enough to be kept.
    fn is_small(&self) -> bool;
}

/// The rows that were used last; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Remembered<R>(Arc<Mutex<LruCache<Hash, R>>>);

impl<R: KeyedRow> Remembered<R> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(R::MOST))))
    }

    /// Returns the rows of the nodes that exist, in the order of their hashes; `read` reads those that are not kept.
    pub(crate) async fn of(
        &self,
        hashes: impl IntoIterator<Item = Hash>,
        read: impl AsyncFnOnce(Vec<Hash>) -> Result<Vec<R>, StoreError>,
    ) -> Result<Vec<R>, StoreError> {
        let (mut rows, mut unknown) = (Vec::new(), Vec::new());
        {
            let mut remembered = self.lock();
            for hash in hashes {
                match remembered.get(&hash) {
                    Some(row) => rows.push(row.clone()),
                    None => unknown.push(hash),
                }
            }
        }
        if !unknown.is_empty() {
            let read = read(unknown).await?;
            let mut remembered = self.lock();
            for row in read {
                if row.is_small() {
                    remembered.put(row.hash(), row.clone());
                }
                rows.push(row);
            }
        }
        rows.sort_unstable_by_key(KeyedRow::hash);
        Ok(rows)
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Hash, R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyedRow for NodeKind {
    /// About 10 MB.
    const MOST: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

    fn hash(&self) -> Hash {
        self.hash
    }

    fn is_small(&self) -> bool {
        true
    }
}

impl KeyedRow for InstanceRow {
    /// About 10 MB, and 24 MB at most.
    const MOST: NonZeroUsize = NonZeroUsize::new(30_000).unwrap();

    fn hash(&self) -> Hash {
        self.hash
    }

    fn is_small(&self) -> bool {
        self.bytes() <= size_of::<Self>() + 512
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n: u8, data: &str) -> InstanceRow {
        InstanceRow {
            hash: Hash::of(&[&n.to_string()]),
            itype: "attribute".to_owned(),
            sub_type: "url".to_owned(),
            data: Some(data.into()),
            cref: vec![],
        }
    }

    #[tokio::test]
    async fn only_what_is_not_remembered_is_read() {
        let remembered = Remembered::new();
        let (small, large, none) = (row(1, "a"), row(2, &"a".repeat(1_000)), row(3, "b"));
        let all = [small.hash, large.hash, none.hash];
        let there = vec![small.clone(), large.clone()];
        let mut sorted = there.clone();
        sorted.sort_unstable_by_key(|row| row.hash);

        let first = remembered.of(all, async |asked: Vec<Hash>| {
            assert_eq!(asked, all);
            Ok(there.clone())
        });
        assert_eq!(first.await.unwrap(), sorted);
        let again = remembered.of(all, async |asked: Vec<Hash>| {
            assert_eq!(asked, [large.hash, none.hash]);
            Ok(vec![large.clone()])
        });
        assert_eq!(again.await.unwrap(), sorted);
        let known = remembered.of([small.hash], async |_| unreachable!());
        assert_eq!(known.await.unwrap(), [small]);
    }
}
