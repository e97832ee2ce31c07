//! Instances that were seen a moment ago to exist, so that the server need not be asked for them again.

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::recent::Recent;

/// The most instances that are remembered, about 30 bytes each.
const MOST: usize = 200_000;
/// Time for which an instance is trusted to exist. What deletes instances waits longer between looking and deleting.
const TRUST: Duration = Duration::from_secs(300);

/// The attributes and objects, or the sessions, that this process found to exist; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Known<K: Hash + Eq> {
    seen: Arc<Mutex<Recent<K>>>,
    trust: Duration,
}

impl<K: Hash + Eq> Known<K> {
    pub(super) fn new() -> Self {
        Self::trusted_for(TRUST)
    }

    /// Makes an empty memory of what holds for this time.
    pub(super) fn trusted_for(trust: Duration) -> Self {
        let seen = Arc::new(Mutex::new(Recent::new(MOST)));
        Self { seen, trust }
    }

    /// Drops those that are known to exist.
    pub(super) fn unknown<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
        let mut known = self.lock();
        items.retain(|item| !self.trusts(&mut known, &key(item)));
        items
    }

    /// Whether this one is known to exist.
    pub(super) fn knows(&self, key: &K) -> bool {
        self.trusts(&mut self.lock(), key)
    }

    fn trusts(&self, known: &mut Recent<K>, key: &K) -> bool {
        let seen = known.get(key);
        seen.is_some_and(|(ago, ())| !self.trust.is_zero() && ago <= self.trust)
    }

    /// Remembers that these existed at `seen`, when the server was asked.
    pub(super) fn learn(&self, keys: impl Iterator<Item = K>, seen: Instant) {
        let mut known = self.lock();
        for key in keys {
            known.put(&key, seen, ());
        }
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Recent<K>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
