//! Back-off: waits that grow with the number of failures in a row.

use std::time::Duration;

/// The longest wait that the configuration can ask for.
pub const MAX_BACKOFF: Duration = Duration::from_secs(3600);

/// Returns the wait after `failures` failures in a row: `min(max, 2^failures + jitter)` seconds.
///
/// `jitter` is a number of seconds from 0 to 1, which keeps daemons that failed together from coming back together.
/// `max` is itself held to [`MAX_BACKOFF`].
pub fn delay(failures: u32, max: Duration, jitter: f64) -> Duration {
    // 2^12 s is longer than the longest wait
    let seconds = f64::from(1_u32 << failures.min(12)) + jitter.clamp(0.0, 1.0);
    Duration::from_secs_f64(seconds).min(max).min(MAX_BACKOFF)
}

/// Counts failures in a row and returns the wait after each.
#[derive(Debug, Clone)]
pub struct Backoff {
    failures: u32,
    max: Duration,
}

impl Backoff {
    /// A back-off that never waits longer than `max`.
    pub fn new(max: Duration) -> Self {
        Self { failures: 0, max }
    }

    /// Counts one more failure and returns the wait before the next try.
    pub fn failure(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        delay(self.failures, self.max, rand::random())
    }

    /// Ends the row of failures.
    pub fn success(&mut self) {
        self.failures = 0;
    }

    /// Returns the number of failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_with_each_failure_and_adds_the_jitter() {
        assert_eq!(delay(1, MAX_BACKOFF, 0.0), Duration::from_secs(2));
        assert_eq!(delay(3, MAX_BACKOFF, 0.5), Duration::from_millis(8500));
        assert_eq!(delay(11, MAX_BACKOFF, 1.0), Duration::from_secs(2049));
    }

    #[test]
    fn never_exceeds_the_limit_nor_an_hour() {
        assert_eq!(
            delay(10, Duration::from_secs(5), 0.9),
            Duration::from_secs(5)
        );
        for failures in [12, 13, 31, 32, u32::MAX] {
            assert_eq!(delay(failures, Duration::MAX, 1.0), MAX_BACKOFF);
        }
    }

    #[test]
    fn success_starts_again_from_the_shortest_wait() {
        let mut backoff = Backoff::new(MAX_BACKOFF);
        for n in 1..=11_u32 {
            let wait = backoff.failure().as_secs_f64();
            let base = f64::from(1_u32 << n);
            assert!(
                (base..=base + 1.0).contains(&wait),
                "{n} failures: {wait} s"
            );
        }
        backoff.success();
        assert_eq!(backoff.failures(), 0);
        assert!(backoff.failure() <= Duration::from_secs(3));
    }
}
