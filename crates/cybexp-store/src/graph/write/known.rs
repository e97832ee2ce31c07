//! Instances that were seen a moment ago to exist, so that the server need not be asked for them again.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

/// The most instances that are remembered, about 100 bytes each.
const MOST: NonZeroUsize = NonZeroUsize::new(200_000).unwrap();
/// Time for which an instance is trusted to exist. What deletes instances waits longer between looking and deleting.
const TRUST: Duration = Duration::from_secs(300);

/// The attributes and objects, or the sessions, that this process found to exist; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Known<K: Hash + Eq> {
    seen: Arc<Mutex<LruCache<K, Instant>>>,
    trust: Duration,
}

impl<K: Hash + Eq> Known<K> {
    pub(super) fn new() -> Self {
        Self::trusted_for(TRUST)
    }

    /// Makes an empty memory of what holds for this time.
    pub(super) fn trusted_for(trust: Duration) -> Self {
        let seen = Arc::new(Mutex::new(LruCache::new(MOST)));
        Self { seen, trust }
    }

    /// Drops those that are known to exist.
    pub(super) fn unknown<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
        let mut known = self.lock();
        items.retain(|item| !self.trusts(known.get(&key(item))));
        items
    }

    /// Whether this one is known to exist.
    pub(super) fn knows(&self, key: &K) -> bool {
        self.trusts(self.lock().get(key))
    }

    fn trusts(&self, seen: Option<&Instant>) -> bool {
        let trust = self.trust;
        seen.is_some_and(|seen| !trust.is_zero() && seen.elapsed() <= trust)
    }

    /// Remembers that these existed at `seen`, when the server was asked.
    pub(super) fn learn(&self, keys: impl Iterator<Item = K>, seen: Instant) {
        let mut known = self.lock();
        for key in keys {
            known.put(key, seen);
        }
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<K, Instant>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
