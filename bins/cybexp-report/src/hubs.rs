//! Attributes that are known to have many events, so that a threatrank need not count them anew.
//!
//! A rank draws events of such an attribute. Its bound holds even if events were deleted since.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;
use tahoe_core::Hash;

/// The number of attributes that are kept: about 15 MB.
const HUBS: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();
/// The time after which an attribute is counted again.
const MAX_AGE: Duration = Duration::from_secs(600);

/// An attribute, and the fingerprint of the organisations whose events were counted.
type Key = (Hash, Hash);

/// The hubs that were met last; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct KnownHubs(Arc<Mutex<LruCache<Key, (usize, Instant)>>>);

impl KnownHubs {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(HUBS))))
    }

    /// Whether the attribute has more than this many events.
    pub(crate) fn has_more(&self, attribute: Hash, orgs: Hash, events: usize) -> bool {
        let mut hubs = self.lock();
        let known = hubs.get(&(attribute, orgs));
        known.is_some_and(|(more_than, at)| *more_than >= events && at.elapsed() < MAX_AGE)
    }

    /// Remembers that the attribute has more than this many events.
    pub(crate) fn add(&self, attribute: Hash, orgs: Hash, events: usize) {
        let mut hubs = self.lock();
        let known = hubs.get(&(attribute, orgs)).copied();
        let known = known.filter(|(more_than, at)| *more_than > events && at.elapsed() < MAX_AGE);
        let known = known.unwrap_or_else(|| (events, Instant::now()));
        hubs.put((attribute, orgs), known);
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Key, (usize, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_is_one_for_those_who_see_its_events() {
        let hubs = KnownHubs::new();
        let [port, ours, theirs] = ["port", "ours", "theirs"].map(|name| Hash::of(&[name]));
        hubs.add(port, ours, 2_000);
        hubs.add(port, ours, 200);
        assert!(hubs.has_more(port, ours, 200) && hubs.has_more(port, ours, 2_000));
        assert!(!hubs.has_more(port, ours, 2_001));
        assert!(!hubs.has_more(port, theirs, 200) && !hubs.has_more(ours, ours, 200));
    }
}
