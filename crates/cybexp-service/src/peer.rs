//! The client at the other end of a connection.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use tokio::sync::Notify;

/// The client at the other end of a connection, and what the connection is used for.
#[derive(Debug)]
pub struct Peer {
    /// The client's address, or its proxy's.
    pub address: IpAddr,
    /// The time at which the connection was accepted.
    since: Instant,
    /// Requests without a good token that came in whole and are in work.
    heard: AtomicUsize,
    /// Whether a request with a good token came in on the connection.
    known: AtomicBool,
    /// Requests with a good token that are in work.
    working: AtomicUsize,
    closing: Notify,
}

/// A request with a good token, while it is in work.
#[derive(Debug)]
pub struct InWork(Arc<Peer>);

/// A request without a good token that came in whole, while it is in work.
#[derive(Debug)]
pub struct Heard(Arc<Peer>);

impl Peer {
    pub(crate) fn new(address: IpAddr, since: Instant) -> Self {
        Self {
            address: address.to_canonical(),
            since,
            heard: AtomicUsize::new(0),
            known: AtomicBool::new(false),
            working: AtomicUsize::new(0),
            closing: Notify::new(),
        }
    }

    /// Notes that a request with a good token is in work until the result is dropped.
    pub fn works(self: Arc<Self>) -> InWork {
        self.known.store(true, Ordering::Relaxed);
        self.working.fetch_add(1, Ordering::Relaxed);
        InWork(self)
    }

    /// Notes that a request without a good token came in whole, and is in work until the result is dropped. Its work must be
    /// bounded and short, for its connection is not closed to make room for others of the same client.
    pub fn speaks(self: Arc<Self>) -> Heard {
        self.heard.fetch_add(1, Ordering::Relaxed);
        Heard(self)
    }

    /// Whether the client could have said something since the connection was accepted, but no whole request of its is in
    /// work.
    pub(crate) fn is_silent(&self, now: Instant, time_to_speak: Duration) -> bool {
        let time = now.saturating_duration_since(self.since);
        time >= time_to_speak && self.heard.load(Ordering::Relaxed) == 0
    }

    /// Whether no request with a good token ever came in.
    pub(crate) fn is_stranger(&self) -> bool {
        !self.known.load(Ordering::Relaxed)
    }

    /// Whether no request with a good token is in work.
    pub(crate) fn is_idle(&self) -> bool {
        self.working.load(Ordering::Relaxed) == 0
    }

    /// Asks for the connection to be closed.
    pub(crate) fn close(&self) {
        self.closing.notify_one();
    }

    /// Waits until the connection is to be closed.
    pub(crate) async fn closed(&self) {
        self.closing.notified().await;
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.0.heard.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the part of an address that one client has for itself: all of IPv4, the network of 64 bits of IPv6.
pub fn one_client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}

/// Returns the client's own address: the peer's, unless the peer is a trusted proxy. Then it is the last address of
/// `X-Forwarded-For` that is no trusted proxy's, for what stands before it is what the client says.
pub fn client(peer: IpAddr, trusted: &[IpAddr], headers: &HeaderMap) -> IpAddr {
    let mut client = peer.to_canonical();
    let lists = headers.get_all("x-forwarded-for").into_iter();
    let listed = lists.filter_map(|list| list.to_str().ok());
    let listed: Vec<&str> = listed.flat_map(|list| list.split(',')).collect();
    for address in listed.into_iter().rev() {
        if !trusted.contains(&client) {
            break;
        }
        let Ok(address) = address.trim().parse::<IpAddr>() else {
            break;
        };
        client = address.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = [ip("127.0.0.1"), ip("192.0.2.1")];
        for (peer, forwarded, expected) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["10.0.0.1, 198.51.100.1"], "198.51.100.1"),
            (
                "::ffff:127.0.0.1",
                &["10.0.0.1", "198.51.100.1, 192.0.2.1"],
                "198.51.100.1",
            ),
            ("127.0.0.1", &["nonsense"], "127.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for list in forwarded {
                headers.append("x-forwarded-for", list.parse().unwrap());
            }
            let found = client(ip(peer), &trusted, &headers);
            assert_eq!(found, ip(expected), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        assert_eq!(one_client(ip("2001:db8:0:1:2::3")), ip("2001:db8:0:1::"));
        assert_eq!(one_client(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(one_client(ip("192.0.2.1")), ip("192.0.2.1"));
    }

    #[test]
    fn a_connection_is_idle_when_all_its_work_is_done() {
        let peer = Arc::new(Peer::new(ip("192.0.2.1"), Instant::now()));
        assert!(peer.is_stranger() && peer.is_idle());
        let (one, two) = (Arc::clone(&peer).works(), Arc::clone(&peer).works());
        drop(one);
        assert!(!peer.is_stranger() && !peer.is_idle());
        drop(two);
        assert!(!peer.is_stranger() && peer.is_idle());
    }

    #[test]
    fn a_client_is_silent_after_a_while_unless_it_speaks() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let peer = Arc::new(Peer::new(ip("192.0.2.1"), now));
        assert!(!peer.is_silent(now, second));
        let heard = Arc::clone(&peer).speaks();
        assert!(!peer.is_silent(now + second, second));
        drop(heard);
        assert!(peer.is_silent(now + second, second));
    }
}
