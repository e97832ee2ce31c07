//! The events and sessions of which a related report is made.

use std::collections::{BTreeMap, BTreeSet};

use cybexp_store::{CompositeRow, SessionId, SessionRow};
use tahoe_core::Hash;

/// The most instances of which one answer is made, each counted once for everything that refers to it. A report of more
/// might not fit a document.
const INSTANCES: usize = 100_000;

/// Events within reach by hash, and sessions by identity.
#[derive(Default)]
pub(super) struct Reached {
    pub(super) events: BTreeMap<Hash, CompositeRow>,
    pub(super) sessions: BTreeMap<SessionId, SessionRow>,
    /// Whether there was more than an answer can hold.
    pub(super) cut: bool,
}

impl Reached {
    /// Adds the new events for which there is room, and returns those of their sessions that are new.
    pub(super) fn add_events(&mut self, events: Vec<CompositeRow>) -> BTreeSet<SessionId> {
        let mut room = INSTANCES.saturating_sub(self.size());
        let mut sessions = BTreeSet::new();
        for event in events {
            if self.events.contains_key(&event.hash) {
                continue;
            }
            let Some(left) = room.checked_sub(event.refs.len()) else {
                self.cut = true;
                break;
            };
            room = left;
            let new = event.sessions.iter();
            sessions.extend(new.filter(|id| !self.sessions.contains_key(id)).copied());
            self.events.insert(event.hash, event);
        }
        sessions
    }

    /// Adds the sessions for which there is room.
    pub(super) fn add_sessions(&mut self, sessions: Vec<SessionRow>) {
        let mut room = INSTANCES.saturating_sub(self.size());
        for session in sessions {
            let Some(left) = room.checked_sub(session.refs.len()) else {
                self.cut = true;
                break;
            };
            room = left;
            self.sessions.insert(session.id, session);
        }
    }

    /// Returns the hashes of the events by their sessions.
    pub(super) fn events_of_sessions(&self) -> BTreeMap<SessionId, BTreeSet<Hash>> {
        let mut events: BTreeMap<SessionId, BTreeSet<Hash>> = BTreeMap::new();
        for event in self.events.values() {
            for session in &event.sessions {
                events.entry(*session).or_default().insert(event.hash);
            }
        }
        events
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
