//! Limits on guessing: attempts to sign in, for each address and each account, charged before a password is looked at.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tahoe_core::Hash;

use cybexp_service::one_client;

/// The most keys, and the most pairs of account and address, that are remembered.
const KEYS: usize = 1 << 16;

/// The subject of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// Attempts from an address, but for those of `Known`.
    Address(IpAddr),
    /// Attempts at an account, from addresses at which its user never signed in.
    Account(Hash),
    /// Attempts at an account from an address at which its user has signed in. So nobody elsewhere locks the user out.
    Known(Hash, IpAddr),
}

impl Key {
    /// The attempts that are free, and the time after which there is one more.
    fn limit(self) -> (f64, Duration) {
        match self {
            Self::Address(_) => (60.0, Duration::from_secs(1)),
            Self::Account(_) => (20.0, Duration::from_secs(30)),
            Self::Known(..) => (20.0, Duration::from_secs(10)),
        }
    }
}

/// The lane in which a password waits to be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Attempts from an address.
    Address(IpAddr),
    /// Attempts at an account from an address at which its user has signed in.
    Known(Hash, IpAddr),
    /// Users that are created.
    Created,
}

/// Failed attempts, which are forgotten with time.
#[derive(Debug, Clone, Copy)]
struct Failures {
    count: f64,
    at: Instant,
    /// Whether the limit was reached, and told in the log.
    told: bool,
}

#[derive(Default)]
struct Counts {
    failures: HashMap<Key, Failures>,
    known: HashSet<(Hash, IpAddr)>,
}

/// Counts of failed attempts.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<Counts>);

/// An attempt that was let through.
#[derive(Debug)]
pub(crate) struct Attempt {
    address: IpAddr,
    account: Hash,
    charged: Vec<Key>,
}

impl Attempt {
    /// Returns the lane in which the attempt waits: a user who has signed in at this address before does not wait behind
    /// others who try there.
    pub(crate) fn lane(&self) -> Lane {
        match self.charged[..] {
            [Key::Known(account, address)] => Lane::Known(account, address),
            _ => Lane::Address(self.address),
        }
    }
}

/// The time after which the next attempt may be made.
#[derive(Debug, PartialEq)]
pub(crate) struct TooMany {
    pub(crate) after: Duration,
    /// Whether it is the first refusal in a row.
    pub(crate) first: bool,
}

impl Attempts {
    /// Charges an attempt as if it had failed.
    pub(crate) fn charge(
        &self,
        address: IpAddr,
        account: Hash,
        now: Instant,
    ) -> Result<Attempt, TooMany> {
        let address = one_client(address);
        let mut counts = self.lock();
        let charged = match counts.known.contains(&(account, address)) {
            // and not to the address, which others at it may have used up
            true => vec![Key::Known(account, address)],
            false => vec![Key::Address(address), Key::Account(account)],
        };
        for key in &charged {
            counts.charge(*key, now)?;
        }
        Ok(Attempt {
            address,
            account,
            charged,
        })
    }

    /// Takes back the charge for an attempt that was not looked at.
    pub(crate) fn uncharge(&self, attempt: &Attempt) {
        self.lock().uncharge(attempt);
    }

    /// Takes back the charge for an attempt that did not fail, and remembers that the user has signed in at the address.
    pub(crate) fn succeeded(&self, attempt: &Attempt) {
        let mut counts = self.lock();
        counts.uncharge(attempt);
        if counts.known.len() >= KEYS {
            let some = counts.known.iter().take(KEYS / 2).copied();
            let some: Vec<_> = some.collect();
            for pair in some {
                counts.known.remove(&pair);
            }
        }
        counts.known.insert((attempt.account, attempt.address));
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn charge(&mut self, key: Key, now: Instant) -> Result<(), TooMany> {
        if self.failures.len() >= KEYS && !self.failures.contains_key(&key) {
            self.forget(now);
        }
        let (free, pause) = key.limit();
        let failures = self.failures.entry(key).or_insert(Failures {
            count: 0.0,
            at: now,
            told: false,
        });
        failures.count = failures.left(key, now);
        failures.at = now;
        if failures.count + 1.0 > free {
            let after = pause.mul_f64(failures.count + 1.0 - free);
            let first = !std::mem::replace(&mut failures.told, true);
            return Err(TooMany { after, first });
        }
        failures.count += 1.0;
        failures.told = false;
        Ok(())
    }

    fn uncharge(&mut self, attempt: &Attempt) {
        for key in &attempt.charged {
            if let Some(failures) = self.failures.get_mut(key) {
                failures.count = (failures.count - 1.0).max(0.0);
            }
        }
    }

    /// Forgets the half of the keys with the fewest failures.
    fn forget(&mut self, now: Instant) {
        let left = |(key, failures): (&Key, &Failures)| failures.left(*key, now);
        let mut counts: Vec<f64> = self.failures.iter().map(left).collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable_by(middle, f64::total_cmp);
        let median = *median;
        self.failures
            .retain(|key, failures| failures.left(*key, now) > median);
    }
}

impl Failures {
    /// The number that is not forgotten yet.
    fn left(&self, key: Key, now: Instant) -> f64 {
        let (_, pause) = key.limit();
        let forgotten = now
            .saturating_duration_since(self.at)
            .div_duration_f64(pause);
        (self.count - forgotten).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(n: u32) -> IpAddr {
        IpAddr::V4((0xcb00_7100 + n).into())
    }

    fn account(n: u32) -> Hash {
        Hash::of(&[&n.to_string()])
    }

    #[test]
    fn an_account_is_guessed_at_slowly_from_wherever() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for n in 0..20 {
            attempts.charge(ip(n), account(0), now).unwrap();
        }
        let refused = attempts.charge(ip(99), account(0), now).unwrap_err();
        assert_eq!(
            (refused.after, refused.first),
            (Duration::from_secs(30), true)
        );
        assert!(!attempts.charge(ip(99), account(0), now).unwrap_err().first);
        attempts.charge(ip(99), account(1), now).unwrap();
        let later = now + Duration::from_secs(30);
        attempts.charge(ip(99), account(0), later).unwrap();
        attempts.charge(ip(99), account(0), later).unwrap_err();
    }

    #[test]
    fn who_signed_in_before_is_not_locked_out_by_others() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let good = attempts.charge(ip(1), account(0), now).unwrap();
        attempts.succeeded(&good);
        while attempts.charge(ip(2), account(0), now).is_ok() {}
        for _ in 0..20 {
            let good = attempts.charge(ip(1), account(0), now).unwrap();
            attempts.succeeded(&good);
        }
        let guesses = (0..100).take_while(|_| attempts.charge(ip(1), account(0), now).is_ok());
        assert_eq!(guesses.count(), 20);
    }

    #[test]
    fn an_address_guesses_slowly_at_whatever_account() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let guesses = |ip| {
            (0..200)
                .take_while(|n| attempts.charge(ip, account(*n), now).is_ok())
                .count()
        };
        assert_eq!((guesses(ip(1)), guesses(ip(2))), (60, 60));
        let later = now + Duration::from_secs(5);
        attempts.charge(ip(1), account(300), later).unwrap();
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        while attempts.charge(ip(0), account(0), now).is_ok() {}
        for n in 1..(KEYS as u32) {
            let one = attempts.charge(ip(n), account(n), now).unwrap();
            attempts.succeeded(&one);
        }
        let counts = attempts.lock();
        assert!(counts.failures.len() <= KEYS && counts.known.len() <= KEYS);
        drop(counts);
        attempts.charge(ip(0), account(0), now).unwrap_err();
    }
}
