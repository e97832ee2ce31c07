//! The loop of a sweep, which removes old data beside a daemon's work.

use std::time::{Duration, Instant};

use tracing::warn;

use crate::daemon::DaemonContext;

/// The wait between two looks when nothing is left to remove.
const IDLE: Duration = Duration::from_secs(60);
/// The rest after a step, as a multiple of the time that the step took: the load goes first.
const REST: u32 = 4;
const SHORTEST_REST: Duration = Duration::from_millis(20);

/// A sweep, which does its work in small steps.
pub trait Sweeper: Send {
    /// Does a small part of the work. Returns whether there may be more at once.
    fn step(&mut self) -> impl Future<Output = anyhow::Result<bool>> + Send;
}

/// Sweeps until the daemon is asked to stop, for a fifth of the time at most. A failing step is logged when failures begin,
/// and comes again after a minute: what is removed later does no harm.
pub async fn sweep_loop<S: Sweeper>(ctx: DaemonContext, mut sweeper: S) {
    let mut failing = false;
    loop {
        let since = Instant::now();
        let rest = match sweeper.step().await {
            Ok(more) => {
                failing = false;
                let rest = since.elapsed().saturating_mul(REST);
                if more {
                    rest.clamp(SHORTEST_REST, IDLE)
                } else {
                    IDLE
                }
            }
            Err(error) => {
                if !failing {
                    warn!(error = format!("{error:#}"), "old data is not removed");
                }
                failing = true;
                IDLE
            }
        };
        tokio::select! {
            () = ctx.shutdown.begun() => return,
            () = tokio::time::sleep(rest) => {}
        }
    }
}
