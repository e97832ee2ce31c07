//! The rate limit of sign-ins: a client's address and an account each have a number of wrong tries, which come back slowly.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

/// Wrong tries in a row that an address or account has.
const MOST: f64 = 10.0;
/// The time after which a wrong try comes back.
const EVERY: Duration = Duration::from_secs(30);
/// Addresses and accounts that are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(20_000).expect("more than 0");

/// The wrong tries of late.
pub(crate) struct Tries(Mutex<LruCache<String, Spent>>);

#[derive(Clone, Copy)]
struct Spent {
    tries: f64,
    at: Instant,
}

impl Default for Tries {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Tries {
    /// Takes a try of this address for this account, before its password is checked. The error is the time to wait.
    pub(crate) fn take(&self, address: Option<IpAddr>, email: &str) -> Result<(), Duration> {
        let now = Instant::now();
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys(address, email);
        for key in &keys {
            let tries = spent.peek(key).map_or(0.0, |one| one.left(now));
            if tries + 1.0 > MOST {
                return Err(EVERY.mul_f64(tries + 1.0 - MOST));
            }
        }
        for key in keys {
            let tries = spent.peek(&key).map_or(0.0, |one| one.left(now));
            let one = Spent {
                tries: tries + 1.0,
                at: now,
            };
            spent.put(key, one);
        }
        Ok(())
    }

    /// Gives back the tries of this address and account, because the password was right.
    pub(crate) fn right(&self, address: Option<IpAddr>, email: &str) {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys(address, email) {
            spent.pop(&key);
        }
    }
}

impl Spent {
    fn left(self, now: Instant) -> f64 {
        let back = now.duration_since(self.at).as_secs_f64() / EVERY.as_secs_f64();
        (self.tries - back).max(0.0)
    }
}

/// Returns the keys of an address and an account. An IPv6 address stands for its /64, which one client has whole.
fn keys(address: Option<IpAddr>, email: &str) -> Vec<String> {
    let email: String = email.trim().chars().take(254).collect();
    let account = format!("account {}", email.to_lowercase());
    let address = address.map(|address| match address.to_canonical() {
        IpAddr::V4(address) => format!("address {address}"),
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() >> 64 << 64);
            format!("address {network}")
        }
    });
    [Some(account), address].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_tries_run_out_by_address_and_by_account() {
        let tries = Tries::default();
        let address: Option<IpAddr> = Some("203.0.113.9".parse().unwrap());
        for n in 0..MOST as u32 {
            tries.take(address, &format!("{n}@example.com")).unwrap();
        }
        let wait = tries.take(address, "new@example.com").unwrap_err();
        assert!(wait <= EVERY && wait > EVERY / 2, "{wait:?}");
        let other: Option<IpAddr> = Some("203.0.113.10".parse().unwrap());
        tries.take(other, "new@example.com").unwrap();

        for n in 0..MOST as u32 {
            let address = Some(IpAddr::from([192, 0, 2, n as u8]));
            tries.take(address, "Victim@example.com").unwrap();
        }
        assert!(tries.take(None, "victim@example.com ").is_err());
    }

    #[test]
    fn a_right_password_gives_the_tries_back() {
        let tries = Tries::default();
        for _ in 0..3 * MOST as u32 {
            tries.take(None, "jdoe@example.com").unwrap();
            tries.right(None, "jdoe@example.com");
        }
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let of = |text: &str| keys(Some(text.parse().unwrap()), "").pop();
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:203.0.113.9"), of("203.0.113.9"));
    }
}
