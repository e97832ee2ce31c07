//! A memory of what was met a moment ago, of a bounded size.
//!
//! Two flat tables instead of a list through boxes: a box for each entry would take three times the memory, and stand for
//! minutes between what a batch allocates and frees, so that the allocator could give none of that back.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

/// Keys that were met a moment ago, each with when that was, and with what is known of it. When the young ones are half of
/// the most, the old ones are forgotten, and the young ones are old.
#[derive(Debug, Clone)]
pub struct Recent<K, V = ()> {
    /// The time from which others are counted: a whole [`Instant`] would take four times the memory.
    begun: Instant,
    half: usize,
    secrets: [RandomState; 2],
    young: HashMap<Digest, (Tick, V)>,
    old: HashMap<Digest, (Tick, V)>,
    keys: PhantomData<fn(K)>,
}

/// 128 bits of a key's hash under secrets of this memory: nobody can make two keys that have the same.
type Digest = [u8; 16];

/// A time in tenths of a second.
type Tick = u32;

impl<K: Hash, V> Recent<K, V> {
    /// Makes an empty memory of at most so many keys. The latest half of them is always remembered.
    pub fn new(most: usize) -> Self {
        Self {
            begun: Instant::now(),
            half: most.div_ceil(2).max(1),
            secrets: [RandomState::new(), RandomState::new()],
            young: HashMap::new(),
            old: HashMap::new(),
            keys: PhantomData,
        }
    }

    /// Returns what is known of a key, and how long ago it was met, or up to a tenth of a second more.
    pub fn get(&mut self, key: &K) -> Option<(Duration, &V)> {
        let digest = self.digest(key);
        if let Some(entry) = self.old.remove(&digest) {
            self.insert(digest, entry);
        }
        let (tick, value) = self.young.get(&digest)?;
        let met = self.begun + Duration::from_millis(100) * *tick;
        Some((met.elapsed(), value))
    }

    /// Remembers that a key was met at this time, and this of it. A key that was met before the memory was made is forgotten.
    pub fn put(&mut self, key: &K, met: Instant, value: V) {
        let digest = self.digest(key);
        self.old.remove(&digest);
        let since = met.checked_duration_since(self.begun);
        match since.and_then(|since| Tick::try_from(since.as_millis() / 100).ok()) {
            Some(tick) => self.insert(digest, (tick, value)),
            None => drop(self.young.remove(&digest)),
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    fn insert(&mut self, digest: Digest, entry: (Tick, V)) {
        if self.young.len() >= self.half && !self.young.contains_key(&digest) {
            // the table is used again, so that there are never more than two
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        if self.young.capacity() < self.half {
            // at once, for a table that grows is there twice; pages that are not written take no memory
            self.young.reserve(self.half);
        }
        self.young.insert(digest, entry);
    }

    fn digest(&self, key: &K) -> Digest {
        let [one, other] = self.secrets.each_ref();
        let both = u128::from(one.hash_one(key)) << 64 | u128::from(other.hash_one(key));
        both.to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_half_is_remembered_and_never_more_than_the_most() {
        let mut recent = Recent::new(100);
        let now = Instant::now();
        for n in 0..1000_u32 {
            recent.put(&n, now, n);
            assert!(recent.young.len() + recent.old.len() <= 100);
            for known in n.saturating_sub(49)..=n {
                let digest = recent.digest(&known);
                let known = recent
                    .young
                    .get(&digest)
                    .or_else(|| recent.old.get(&digest));
                assert!(known.is_some(), "{n}");
            }
        }
        assert_eq!(recent.get(&999).map(|(_, n)| *n), Some(999));
        assert!(recent.get(&899).is_none());
        recent.clear();
        assert!(recent.get(&999).is_none());
    }

    #[test]
    fn what_is_asked_for_stays() {
        let mut recent = Recent::new(100);
        for n in 0..1000 {
            recent.put(&n, Instant::now(), ());
            assert!(recent.get(&0).is_some(), "{n}");
        }
    }

    #[test]
    fn the_last_word_on_a_key_holds() {
        let mut recent = Recent::new(4);
        let before = |seconds| {
            let now = Instant::now();
            now.checked_sub(Duration::from_secs(seconds)).expect("up")
        };
        recent.begun = before(1000);
        recent.put(&"a", before(500), 1);
        let (ago, one) = recent.get(&"a").expect("known");
        assert!(ago >= Duration::from_secs(500) && ago < Duration::from_secs(900) && *one == 1);
        for key in ["b", "c"] {
            recent.put(&key, Instant::now(), 0);
        }
        recent.put(&"a", Instant::now(), 2);
        let (ago, two) = recent.get(&"a").expect("known");
        assert!(ago < Duration::from_secs(400) && *two == 2);
        recent.put(&"a", before(2000), 3);
        assert!(recent.get(&"a").is_none(), "before the memory was made");
    }
}
