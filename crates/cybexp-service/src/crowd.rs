//! The open connections, by address: one client must not take the room of all others.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::peer::{Peer, one_client};

/// The time that a new connection has to say something, before it is closed for another one of the same client. A request
/// that is on its way comes in it.
pub(crate) const TIME_TO_SPEAK: Duration = Duration::from_millis(250);

/// The open connections of each client, oldest first.
#[derive(Default)]
struct Clients {
    by_address: HashMap<IpAddr, BTreeMap<u64, Arc<Peer>>>,
    /// The number of the next connection.
    next: u64,
}

/// All open connections.
#[derive(Clone, Default)]
pub(crate) struct Crowd(Arc<Mutex<Clients>>);

/// The place of a connection, until it is dropped.
pub(crate) struct Place {
    crowd: Crowd,
    client: IpAddr,
    number: u64,
    pub(crate) peer: Arc<Peer>,
}

impl Crowd {
    /// Makes a place for a connection from this address. A client that has `most` already loses its oldest connection that
    /// does nothing: one on which it said no whole request yet, though it had the time, or one that is idle. Returns `None` if
    /// it has no such connection.
    pub(crate) fn enter(&self, address: IpAddr, most: usize, now: Instant) -> Option<Place> {
        let client = one_client(address);
        let peer = Arc::new(Peer::new(address, now));
        let mut clients = self.lock();
        let number = clients.next;
        clients.next += 1;
        let own = clients.by_address.entry(client).or_default();
        if own.len() >= most {
            let silent = |peer: &Peer| peer.is_stranger() && peer.is_silent(now, TIME_TO_SPEAK);
            let left = |peer: &Peer| !peer.is_stranger() && peer.is_idle();
            close_one(own, None, &[&silent, &left])?;
        }
        own.insert(number, Arc::clone(&peer));
        drop(clients);
        Some(Place {
            crowd: self.clone(),
            client,
            number,
            peer,
        })
    }

    /// Closes a connection of the client with the most of them, to make room for a new one: the oldest on which the client said
    /// nothing, else the oldest of a stranger, else the oldest that is idle. Goes on to the client with the next most, if
    /// there is none.
    pub(crate) fn make_room(&self, new: &Place) {
        let now = Instant::now();
        let silent = |peer: &Peer| peer.is_stranger() && peer.is_silent(now, Duration::ZERO);
        let mut clients = self.lock();
        let mut all: Vec<_> = clients.by_address.values_mut().collect();
        all.sort_by_key(|own| std::cmp::Reverse(own.len()));
        let _ = all.into_iter().find_map(|own| {
            let new = Some(new.number);
            close_one(own, new, &[&silent, &Peer::is_stranger, &Peer::is_idle])
        });
    }

    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the oldest connection that the first of these rules meets, else the next one. It leaves the list at once, so that it
/// is not chosen twice. `new` stays.
fn close_one(
    own: &mut BTreeMap<u64, Arc<Peer>>,
    new: Option<u64>,
    rules: &[&dyn Fn(&Peer) -> bool],
) -> Option<()> {
    let old = || own.iter().filter(|(number, _)| Some(**number) != new);
    let oldest = |rule: &&dyn Fn(&Peer) -> bool| old().find(|(_, peer)| rule(peer));
    let (number, peer) = rules.iter().find_map(oldest)?;
    peer.close();
    let number = *number;
    own.remove(&number);
    Some(())
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.crowd.lock();
        if let Some(own) = clients.by_address.get_mut(&self.client) {
            own.remove(&self.number);
            if own.is_empty() {
                clients.by_address.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::FutureExt;

    use super::*;

    fn closed(place: &Place) -> bool {
        place.peer.closed().now_or_never().is_some()
    }

    #[test]
    fn a_client_loses_its_own_oldest_idle_connection() {
        let (crowd, ip) = (Crowd::default(), "192.0.2.1".parse().unwrap());
        let (start, clock) = (Instant::now(), Cell::new(0));
        // each a second after the one before
        let enter = || {
            clock.set(clock.get() + 1);
            crowd.enter(ip, 3, start + Duration::from_secs(clock.get()))
        };
        let (first, second, third) = (enter().unwrap(), enter().unwrap(), enter().unwrap());
        let work = Arc::clone(&first.peer).works();
        let other = crowd.enter("192.0.2.2".parse().unwrap(), 3, start).unwrap();
        let fourth = enter().unwrap();
        assert!(closed(&second) && !closed(&first) && !closed(&third));
        let fifth = enter().unwrap();
        assert!(closed(&third));
        let _work = [
            Arc::clone(&fourth.peer).works(),
            Arc::clone(&fifth.peer).works(),
        ];
        assert!(enter().is_none(), "all of them work");
        drop(work);
        assert!(enter().is_some());
        assert!(closed(&first) && !closed(&other));
        drop((first, second, third, fourth, fifth, other));
        assert!(crowd.lock().by_address.is_empty());
    }

    #[test]
    fn a_request_that_came_in_is_answered_and_one_on_its_way_is_waited_for() {
        let (crowd, ip, start) = (
            Crowd::default(),
            "192.0.2.1".parse().unwrap(),
            Instant::now(),
        );
        let places = [0; 3].map(|_| crowd.enter(ip, 3, start).unwrap());
        assert!(crowd.enter(ip, 3, start + TIME_TO_SPEAK / 2).is_none());
        let later = start + TIME_TO_SPEAK;
        let heard = Arc::clone(&places[0].peer).speaks();
        let _heard = Arc::clone(&places[2].peer).speaks();
        let new = crowd.enter(ip, 3, later).unwrap();
        assert!(closed(&places[1]) && !closed(&places[0]));
        assert!(crowd.enter(ip, 3, later).is_none() && !closed(&new));
        drop(heard);
        assert!(crowd.enter(ip, 3, later).is_some() && closed(&places[0]));
    }

    #[test]
    fn room_is_made_where_most_is_taken() {
        let crowd = Crowd::default();
        let enter = |ip: &str| crowd.enter(ip.parse().unwrap(), 9, Instant::now()).unwrap();
        let few = enter("192.0.2.1");
        let many = [0; 3].map(|_| enter("192.0.2.2"));
        let _work = Arc::clone(&many[0].peer).works();
        let new = enter("192.0.2.2");
        for _ in 0..2 {
            crowd.make_room(&new);
        }
        assert!(!closed(&few) && !closed(&many[0]) && closed(&many[1]) && closed(&many[2]));
        crowd.make_room(&new);
        assert!(closed(&few), "the one that works stays, and the new one");
        crowd.make_room(&new);
        assert!(!closed(&new));
    }
}
