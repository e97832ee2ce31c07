//! The events and sessions of which a related report is made.

use std::collections::{BTreeMap, BTreeSet};

use cybexp_store::CompositeRow;
use tahoe_core::Hash;

/// The most instances of which one answer is made, each counted once for everything that refers to it. A report of more
/// might not fit a document.
const INSTANCES: usize = 100_000;

/// Events and sessions within reach, by hash.
#[derive(Default)]
pub(super) struct Reached {
    pub(super) events: BTreeMap<Hash, CompositeRow>,
    pub(super) sessions: BTreeMap<Hash, CompositeRow>,
    /// Whether there was more than an answer can hold.
    pub(super) cut: bool,
}

impl Reached {
    /// Adds the events for which there is room, and returns their hashes.
    pub(super) fn add_events(&mut self, events: Vec<CompositeRow>) -> Vec<Hash> {
        let mut room = INSTANCES.saturating_sub(self.size());
        let mut added = Vec::with_capacity(events.len());
        for event in events {
            let Some(left) = room.checked_sub(event.refs.len()) else {
                self.cut = true;
                break;
            };
            room = left;
            added.push(event.hash);
            self.events.insert(event.hash, event);
        }
        added
    }

    /// Adds the new sessions for which there is room, and returns the hashes of their events that are new.
    pub(super) fn add_sessions(&mut self, sessions: Vec<CompositeRow>) -> Vec<Hash> {
        let mut room = INSTANCES.saturating_sub(self.size());
        let mut others = BTreeSet::new();
        for session in sessions {
            if self.sessions.contains_key(&session.hash) {
                continue;
            }
            let Some(left) = room.checked_sub(session.refs.len()) else {
                self.cut = true;
                break;
            };
            room = left;
            let fresh = session
                .refs
                .iter()
                .filter(|hash| !self.events.contains_key(hash));
            others.extend(fresh.copied());
            self.sessions.insert(session.hash, session);
        }
        others.into_iter().collect()
    }

    /// Returns the hashes to which the events and sessions refer, without those of the events.
    pub(super) fn refs(&self) -> BTreeSet<Hash> {
        let events = self.events.values().flat_map(|event| &event.refs);
        let sessions = self.sessions.values().flat_map(|session| &session.refs);
        events
            .chain(sessions)
            .filter(|hash| !self.events.contains_key(hash))
            .copied()
            .collect()
    }

    /// Returns the number of references.
    fn size(&self) -> usize {
        let events = self.events.values().map(|event| event.refs.len());
        let sessions = self.sessions.values().map(|session| session.refs.len());
        events.chain(sessions).sum()
    }
}
