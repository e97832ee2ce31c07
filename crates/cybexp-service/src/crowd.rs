//! The open connections, by address: one client must not take the room of all others.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::peer::{Peer, one_client};

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
    /// does nothing for anybody who is signed in. Returns `None` if it has no such connection.
    pub(crate) fn enter(&self, address: IpAddr, most: usize) -> Option<Place> {
        let client = one_client(address);
        let peer = Arc::new(Peer::new(address));
        let mut clients = self.lock();
        let number = clients.next;
        clients.next += 1;
        let own = clients.by_address.entry(client).or_default();
        if own.len() >= most {
            close_one(own, None)?;
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

    /// Closes a connection of the client with the most of them, to make room for a new one: the oldest that does nothing for
    /// anybody who is signed in. Goes on to the client with the next most, if there is none.
    pub(crate) fn make_room(&self, new: &Place) {
        let mut clients = self.lock();
        let mut all: Vec<_> = clients.by_address.values_mut().collect();
        all.sort_by_key(|own| std::cmp::Reverse(own.len()));
        let _ = all
            .into_iter()
            .find_map(|own| close_one(own, Some(new.number)));
    }

    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the oldest connection of a stranger, else the oldest that is idle. It leaves the list at once, so that it is not
/// chosen twice. `new` stays.
fn close_one(own: &mut BTreeMap<u64, Arc<Peer>>, new: Option<u64>) -> Option<()> {
    let old = || own.iter().filter(|(number, _)| Some(**number) != new);
    let oldest = |is: fn(&Peer) -> bool| old().find(|(_, peer)| is(peer));
    let (number, peer) = oldest(Peer::is_stranger).or_else(|| oldest(Peer::is_idle))?;
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
    use futures::FutureExt;

    use super::*;

    fn closed(place: &Place) -> bool {
        place.peer.closed().now_or_never().is_some()
    }

    #[test]
    fn a_client_loses_its_own_oldest_idle_connection() {
        let (crowd, ip) = (Crowd::default(), "192.0.2.1".parse().unwrap());
        let enter = || crowd.enter(ip, 3);
        let (first, second, third) = (enter().unwrap(), enter().unwrap(), enter().unwrap());
        let work = Arc::clone(&first.peer).works();
        let other = crowd.enter("192.0.2.2".parse().unwrap(), 3).unwrap();
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
    fn room_is_made_where_most_is_taken() {
        let crowd = Crowd::default();
        let few = crowd.enter("192.0.2.1".parse().unwrap(), 9).unwrap();
        let many = [0; 3].map(|_| crowd.enter("192.0.2.2".parse().unwrap(), 9).unwrap());
        let _work = Arc::clone(&many[0].peer).works();
        let new = crowd.enter("192.0.2.2".parse().unwrap(), 9).unwrap();
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
