//! The open connections of an input, and which of them ends when there are too many: one sender must not shut the others out.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

/// The most connections at the same time, and the most of one address.
const CONNECTIONS: usize = 256;
const CONNECTIONS_OF_ONE: usize = 64;

/// One connection.
#[derive(Debug)]
struct Caller {
    peer: IpAddr,
    /// When it last sent something, in milliseconds since the list was made.
    heard_ms: AtomicU64,
    /// Whether something that it sent is on its way to the spool.
    busy: AtomicBool,
    end: CancellationToken,
}

/// All open connections.
#[derive(Debug)]
pub(super) struct Callers {
    open: Mutex<Open>,
    since: Instant,
}

#[derive(Debug, Default)]
struct Open {
    callers: BTreeMap<u64, Arc<Caller>>,
    next: u64,
}

/// The place of a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    callers: Arc<Callers>,
    number: u64,
    caller: Arc<Caller>,
}

impl Callers {
    pub(super) fn new() -> Self {
        Self {
            open: Mutex::default(),
            since: Instant::now(),
        }
    }

    /// Makes a place for a connection. If there are too many, of all or of this address, another one ends: the one that has
    /// been silent for longest, of this address or of the one with the most connections. Returns `None` if none is silent.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let mut open = self.lock();
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for caller in open.callers.values() {
            *counts.entry(caller.peer).or_default() += 1;
        }
        let own = counts.get(&peer).copied().unwrap_or_default();
        if own >= CONNECTIONS_OF_ONE {
            open.end_one(|caller| caller.peer == peer)?;
        } else if open.callers.len() >= CONNECTIONS {
            let most = counts.values().max().copied().unwrap_or_default();
            open.end_one(|caller| counts.get(&caller.peer) == Some(&most))?;
        }
        let number = open.next;
        open.next += 1;
        let caller = Arc::new(Caller {
            peer,
            heard_ms: AtomicU64::new(self.now_ms()),
            busy: AtomicBool::new(false),
            end: CancellationToken::new(),
        });
        open.callers.insert(number, Arc::clone(&caller));
        drop(open);
        Some(Place {
            callers: Arc::clone(self),
            number,
            caller,
        })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Ends the connection among these that has been silent for longest.
    fn end_one(&mut self, among: impl Fn(&Caller) -> bool) -> Option<()> {
        let silent = |caller: &Caller| !caller.busy.load(Ordering::Relaxed);
        let all = self.callers.iter();
        let these = all.filter(|(_, caller)| silent(caller) && among(caller));
        let heard = |caller: &Caller| caller.heard_ms.load(Ordering::Relaxed);
        let (number, caller) = these.min_by_key(|(number, caller)| (heard(caller), **number))?;
        caller.end.cancel();
        let number = *number;
        self.callers.remove(&number);
        Some(())
    }
}

impl Place {
    /// Notes that something was heard, and is on its way to the spool until [`Place::rests`].
    pub(super) fn heard(&self) {
        let now_ms = self.callers.now_ms();
        self.caller.heard_ms.store(now_ms, Ordering::Relaxed);
        self.caller.busy.store(true, Ordering::Relaxed);
    }

    /// Notes that the spool has what was heard.
    pub(super) fn rests(&self) {
        self.caller.busy.store(false, Ordering::Relaxed);
    }

    /// Waits until the connection is to end.
    pub(super) async fn ended(&self) {
        self.caller.end.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.callers.lock().callers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    fn ended(place: &Place) -> bool {
        place.caller.end.is_cancelled()
    }

    #[test]
    fn an_address_ends_its_own_most_silent_connection() {
        let callers = Arc::new(Callers::new());
        let other = callers.enter(ip(2)).unwrap();
        let own: Vec<Place> = (0..CONNECTIONS_OF_ONE)
            .map(|_| callers.enter(ip(1)).unwrap())
            .collect();
        own[0].heard();
        let new = callers.enter(ip(1)).unwrap();
        assert!(ended(&own[1]) && !ended(&own[0]) && !ended(&other));
        new.heard();
        own.iter().for_each(Place::heard);
        assert!(callers.enter(ip(1)).is_none(), "all are busy");
        own[5].rests();
        assert!(callers.enter(ip(1)).is_some());
        assert!(ended(&own[5]));
    }

    #[test]
    fn whoever_has_most_makes_room() {
        let callers = Arc::new(Callers::new());
        let few = callers.enter(ip(1)).unwrap();
        let many: Vec<Place> = (0..CONNECTIONS - 1)
            .map(|n| callers.enter(ip(2 + (n / 60) as u8)).unwrap())
            .collect();
        let new = callers.enter(ip(99)).unwrap();
        assert_eq!(many.iter().filter(|place| ended(place)).count(), 1);
        assert!(ended(&many[0]) && !ended(&few) && !ended(&new));
        drop((many, few, new));
        assert!(callers.lock().callers.is_empty());
    }
}
