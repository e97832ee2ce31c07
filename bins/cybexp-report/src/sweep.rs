//! Removes queries and reports that are older than the settings keep, beside the daemon's work.

use std::time::{Duration, Instant};

use cybexp_service::Sweeper;
use cybexp_store::{Queries, ReportSweep};
use metrics::{counter, describe_counter};

use crate::clock::unix_now;

/// Time between two passes through what is old.
const PASS: Duration = Duration::from_secs(3600);

pub(crate) fn describe() {
    describe_counter!(
        "cybexp_report_swept_total",
        "queries, reports and what they refer to that were removed, as they are older than report.keep"
    );
}

/// The queries and reports that need not be kept any more.
pub(crate) struct OldReports {
    sweep: ReportSweep,
    /// The end of the last pass.
    ended: Option<Instant>,
}

impl OldReports {
    pub(crate) fn new(queries: &Queries, keep_s: f64) -> Self {
        Self {
            sweep: ReportSweep::new(queries, keep_s),
            ended: None,
        }
    }
}

impl Sweeper for OldReports {
    async fn step(&mut self) -> anyhow::Result<bool> {
        if self.ended.is_some_and(|ended| ended.elapsed() < PASS) {
            return Ok(false);
        }
        let removed = self.sweep.step(unix_now()).await?;
        counter!("cybexp_report_swept_total").increment(removed.unwrap_or(0));
        self.ended = removed.is_none().then(Instant::now);
        Ok(removed.is_some())
    }
}
