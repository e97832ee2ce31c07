//! Receivers that rest: those that have failed, longer each time, and those that are told seldom.
//!
//! Rests are kept in memory. A daemon that begins to deliver tries every receiver at once.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use cybexp_service::Backoff;

/// Receivers that rest, by name.
#[derive(Debug, Default)]
pub(super) struct Resting(HashMap<String, Rest>);

#[derive(Debug)]
struct Rest {
    until: Instant,
    /// The failures in a row, if the last delivery failed.
    failing: Option<Backoff>,
}

impl Resting {
    /// Notes that a receiver failed. Returns whether that is the first time since it was last told something.
    pub(super) fn fail(&mut self, receiver: &str, longest: Duration) -> bool {
        let rest = self.0.entry(receiver.to_owned()).or_insert(Rest {
            until: Instant::now(),
            failing: None,
        });
        let backoff = rest.failing.get_or_insert_with(|| Backoff::new(longest));
        rest.until = Instant::now() + backoff.failure();
        backoff.failures() == 1
    }

    /// Notes that a receiver was told something, and may be told more after this time.
    pub(super) fn succeed(&mut self, receiver: &str, pause: Duration) {
        if pause.is_zero() {
            self.0.remove(receiver);
            return;
        }
        let rest = Rest {
            until: Instant::now() + pause,
            failing: None,
        };
        self.0.insert(receiver.to_owned(), rest);
    }

    /// Returns the time for which a receiver still rests.
    pub(super) fn left(&self, receiver: &str) -> Option<Duration> {
        let rest = self.0.get(receiver)?;
        let left = rest.until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Returns the number of receivers that fail.
    pub(super) fn failing(&self) -> usize {
        let failing = self.0.values().filter(|rest| rest.failing.is_some());
        failing.count()
    }

    /// Forgets receivers that have rested, and for whom nothing waits.
    pub(super) fn keep(&mut self, waiting: &HashSet<&str>) {
        let now = Instant::now();
        self.0
            .retain(|receiver, rest| rest.until > now || waiting.contains(receiver.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_rests_longer_with_each_failure_until_it_is_told_something() {
        let mut resting = Resting::default();
        let longest = Duration::from_secs(60);
        assert!(resting.left("r").is_none());
        assert!(resting.fail("r", longest));
        let first = resting.left("r").unwrap();
        assert!(!resting.fail("r", longest));
        assert!(resting.left("r").unwrap() > first);
        assert_eq!(resting.failing(), 1);
        // it rests, although nothing waits for it
        resting.keep(&HashSet::new());
        assert!(resting.left("r").is_some());
        resting.succeed("r", Duration::ZERO);
        assert!(resting.left("r").is_none() && resting.failing() == 0);

        resting.succeed("r", Duration::from_secs(60));
        assert!(resting.left("r").is_some() && resting.failing() == 0);
        resting.succeed("s", Duration::from_nanos(1));
        std::thread::sleep(Duration::from_millis(1));
        resting.keep(&HashSet::from(["x"]));
        assert_eq!(resting.0.len(), 1);
    }
}
