//! The rest of one filter that fails while others work.

use std::time::{Duration, Instant};

use cybexp_service::Backoff;

/// The longest rest. What is mended is noticed within it.
const LONGEST: Duration = Duration::from_secs(60);

/// The rest of one filter after failures in a row.
pub(crate) struct Rest {
    filter: &'static str,
    backoff: Backoff,
    until: Option<Instant>,
}

impl Rest {
    pub(crate) fn new(filter: &'static str) -> Self {
        Self {
            filter,
            backoff: Backoff::new(LONGEST),
            until: None,
        }
    }

    /// Returns the time for which the filter rests still.
    pub(crate) fn left(&self) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Notes a failure, and returns the time for which the filter rests.
    pub(crate) fn failed(&mut self, error: &anyhow::Error) -> Duration {
        let (filter, error) = (self.filter, format!("{error:#}"));
        let rest = self.backoff.failure();
        self.until = Some(Instant::now() + rest);
        match self.backoff.failures() {
            1 => tracing::warn!(filter, error, "the filter fails; the others go on"),
            failures => tracing::debug!(filter, error, failures, "the filter still fails"),
        }
        rest
    }

    /// Notes that the filter did not fail.
    pub(crate) fn over(&mut self) {
        if self.until.take().is_some() {
            let failures = self.backoff.failures();
            tracing::info!(
                filter = self.filter,
                failures,
                "the filter is at work again"
            );
            self.backoff.success();
        }
    }
}
