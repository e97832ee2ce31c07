//! Events that were drawn from hubs, so that threatranks of other targets need not draw them anew.
//!
//! Draws from a hub do not depend on the target, and the largest hubs are met from everywhere. Each process begins to draw
//! at places of its own, so that nobody can choose hashes that are drawn.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cybexp_store::Version;
use lru::LruCache;
use tahoe_core::Hash;
use threatrank::{Draw, OpenEvent};

/// The number of draws that are kept: about 40 MB.
const DRAWS: NonZeroUsize = NonZeroUsize::new(2_000).unwrap();
/// The fewest events that are drawn at once: a draw of one costs the server as much.
const AT_ONCE: usize = 48;
/// The most events of a draw that is kept.
const MOST: usize = 512;
/// The time after which events are drawn anew.
const MAX_AGE: Duration = Duration::from_secs(600);

/// A hub, the fingerprint of the organisations whose events are drawn, and the part of the sample.
type Key = (Hash, Hash, u8);

#[derive(Debug)]
struct Kept {
    events: Arc<[OpenEvent]>,
    /// Whether the part of the sample has no more.
    is_all: bool,
    /// The archive's version before they were read.
    version: Version,
    at: Instant,
}

/// The draws that were used last; cheap to clone. They hold as long as no event changes.
#[derive(Debug, Clone)]
pub(crate) struct DrawnEvents {
    kept: Arc<Mutex<LruCache<Key, Kept>>>,
    /// Makes the places at which draws begin.
    salt: Hash,
}

impl DrawnEvents {
    /// Makes an empty store, whose draws begin at places that follow from the salt.
    pub(crate) fn new(salt: Hash) -> Self {
        Self {
            kept: Arc::new(Mutex::new(LruCache::new(DRAWS))),
            salt,
        }
    }

    /// Returns the events of a draw, if they are kept and still hold.
    pub(crate) fn get(&self, draw: &Draw, orgs: Hash, version: Version) -> Option<Vec<OpenEvent>> {
        let mut all = self.lock();
        let kept = all.get(&(draw.hub, orgs, draw.part))?;
        let holds = kept.version == version && kept.at.elapsed() < MAX_AGE;
        let is_enough = kept.is_all || kept.events.len() >= draw.events;
        (holds && is_enough).then(|| kept.events.iter().take(draw.events).cloned().collect())
    }

    /// Returns the draw that is to be read in the place of this one: more events, from another place.
    pub(crate) fn to_read(&self, draw: &Draw) -> Draw {
        Draw {
            hub: draw.hub,
            part: draw.part,
            from: Hash::of(&[&self.salt.to_string(), &draw.hub.to_string()]),
            events: draw.events.next_multiple_of(AT_ONCE),
        }
    }

    /// Keeps what was read, and returns as many events as were asked for.
    pub(crate) fn put(
        &self,
        draw: &Draw,
        orgs: Hash,
        version: Version,
        mut events: Vec<OpenEvent>,
    ) -> Vec<OpenEvent> {
        if events.len() <= MOST {
            let kept = Kept {
                is_all: events.len() < self.to_read(draw).events,
                events: events.clone().into(),
                version,
                at: Instant::now(),
            };
            self.lock().put((draw.hub, orgs, draw.part), kept);
        }
        events.truncate(draw.events);
        events
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Key, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
