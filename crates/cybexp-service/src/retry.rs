//! Retries with back-off: a failure is logged once when it begins, and once when it is over.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::backoff::Backoff;
use crate::config::ConfigError;
use crate::daemon::DaemonContext;
use crate::health::BEAT_EVERY;

/// Tries of a failing step in `--once` mode: about 15 s in all.
const ONCE_TRIES: u32 = 4;

/// Marks an error that no retry can heal: `error.context(Fatal)` ends the daemon with status 1.
#[derive(Debug, Clone, Copy)]
pub struct Fatal;

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot go on")
    }
}

/// Tries `operation` until it succeeds, with back-off up to `max_backoff`; for what a daemon needs before it can work.
///
/// `part` names the operation in logs and in `/readyz`, such as `database`. Returns `None` if the daemon is asked to stop
/// first. Returns errors marked [`Fatal`], wrong configuration, and with `--once` the fourth failure in a row.
pub async fn retry<T, F, Fut>(
    ctx: &DaemonContext,
    part: &'static str,
    max_backoff: Duration,
    mut operation: F,
) -> anyhow::Result<Option<T>>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = anyhow::Result<T>>,
{
    ctx.health.ready(part, Err("starting".to_owned()));
    let mut streak = Streak::new(ctx, part, max_backoff);
    let mut found = None;
    while found.is_none() && !ctx.shutdown.is_begun() {
        ctx.health.beat(part);
        match operation().await {
            Ok(value) => {
                streak.over();
                found = Some(value);
            }
            Err(error) => {
                let wait = streak.failure(error)?;
                rest(ctx, part, wait, std::future::pending()).await;
            }
        }
    }
    ctx.health.ended(part);
    Ok(found)
}

/// Waits for `wait`, for `woken`, or until the daemon is asked to stop, and beats meanwhile. `woken` may be dropped.
pub(crate) async fn rest(
    ctx: &DaemonContext,
    part: &'static str,
    wait: Duration,
    woken: impl Future<Output = ()>,
) {
    let end = Instant::now() + wait;
    tokio::pin!(woken);
    loop {
        ctx.health.beat(part);
        let until = end.min(Instant::now() + BEAT_EVERY);
        tokio::select! {
            () = ctx.shutdown.begun() => return,
            () = &mut woken => return,
            () = tokio::time::sleep_until(until) => if until == end { return },
        }
    }
}

/// A row of failures: its beginning and its end are logged, what lies between only at debug level.
pub(crate) struct Streak<'a> {
    ctx: &'a DaemonContext,
    part: &'static str,
    backoff: Backoff,
    since: Instant,
}

impl<'a> Streak<'a> {
    pub(crate) fn new(ctx: &'a DaemonContext, part: &'static str, max_backoff: Duration) -> Self {
        Self {
            ctx,
            part,
            backoff: Backoff::new(max_backoff),
            since: Instant::now(),
        }
    }

    /// Counts a failure and returns the wait before the next try, or the error if trying again is no use.
    pub(crate) fn failure(&mut self, error: anyhow::Error) -> anyhow::Result<Duration> {
        let part = self.part;
        self.ctx.health.ready(part, Err(format!("{error:#}")));
        let wait = self.backoff.failure();
        let failures = self.backoff.failures();
        let hopeless = error.is::<Fatal>() || ConfigError::caused(&error);
        if hopeless || (self.ctx.once && failures >= ONCE_TRIES) {
            self.ctx.health.ended(part);
            return Err(error);
        }
        let again = format!("trying again in {:.1} s", wait.as_secs_f64());
        if failures == 1 {
            self.since = Instant::now();
            warn!(part, error = format!("{error:#}"), "{part} fails, {again}");
        } else {
            debug!(
                part,
                error = format!("{error:#}"),
                failures,
                "{part} still fails, {again}"
            );
        }
        Ok(wait)
    }

    /// Ends the row of failures: the operation has succeeded.
    pub(crate) fn over(&mut self) {
        self.ctx.health.ready(self.part, Ok(()));
        let failures = self.backoff.failures();
        if failures > 0 {
            let away_s = self.since.elapsed().as_secs();
            info!(part = self.part, failures, away_s, "{} is back", self.part);
            self.backoff.success();
        }
    }
}
