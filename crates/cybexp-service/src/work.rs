//! The work loop that every daemon runs: look for work, do it, look again; rest when there is none.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tracing::{Instrument, debug_span};

use crate::daemon::DaemonContext;
use crate::logging::panic_message;
use crate::metrics::LoopMeter;
use crate::retry::{Streak, rest};
use crate::wake::WakeSignal;

/// The shortest rest, so that a worker that misjudges the time cannot spin.
const SHORTEST_REST: Duration = Duration::from_millis(10);

/// The outcome of one step of a work loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The number of items that were worked on; there may be more.
    Worked(u64),
    /// There is no work.
    Idle,
    /// There is no work now, but there will be some after this time at the latest, when another worker's lease ends.
    Wait(Duration),
}

/// A worker on one kind of work.
pub trait Worker: Send {
    /// Looks for work and does a bounded part of it.
    ///
    /// The future is never dropped halfway while the daemon runs. A bad item is no error, but a state of that item;
    /// an error means that work cannot go on now (the database is away), and the step comes again after a back-off. Mark
    /// an error with [`Fatal`](crate::Fatal) to end the daemon instead. After a panic the same worker is used again.
    /// A step that may take longer than [`BEAT_LIMIT`](crate::BEAT_LIMIT) calls `health.beat` with the loop's name.
    fn step(&mut self) -> impl Future<Output = anyhow::Result<Step>> + Send;
}

/// Options of a work loop: its name, and its waits.
#[derive(Debug, Clone)]
pub struct WorkOptions {
    /// The name of the loop, in logs, metrics and health.
    pub name: &'static str,
    /// The time between two looks for work if nothing wakes the loop.
    pub poll_interval: Duration,
    /// The longest wait after failures, at most [`MAX_BACKOFF`](crate::MAX_BACKOFF).
    pub max_backoff: Duration,
}

impl WorkOptions {
    /// Returns the usual options: a look every 30 s, back-off up to a minute.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            poll_interval: Duration::from_secs(30),
            max_backoff: Duration::from_secs(60),
        }
    }
}

/// Works until the daemon is asked to stop, or with `--once` until nothing is left to do.
///
/// A failing step is retried with back-off for as long as it takes; with `--once` its fourth failure in a row is the error
/// given. Asked to stop, the loop finishes the step in hand; [`run_daemon`](crate::run_daemon) bounds how long that may take.
pub async fn work_loop<W: Worker>(
    ctx: &DaemonContext,
    mut worker: W,
    wake: WakeSignal,
    options: WorkOptions,
) -> anyhow::Result<()> {
    let name = options.name;
    let meter = LoopMeter::new(ctx.name, name);
    let mut streak = Streak::new(ctx, name, options.max_backoff);
    ctx.health.ready(name, Err("starting".to_owned()));
    while !ctx.shutdown.is_begun() {
        ctx.health.beat(name);
        let since = Instant::now();
        let outcome = guarded(&mut worker)
            .instrument(debug_span!("step", part = name))
            .await;
        meter.step(since);
        let step = match outcome {
            Ok(step) => step,
            Err(error) => {
                meter.failure();
                let wait = streak.failure(error)?;
                rest(ctx, name, wait, std::future::pending()).await;
                continue;
            }
        };
        streak.over();
        let longest = match step {
            Step::Worked(items) if items > 0 => {
                meter.items(items);
                tokio::task::yield_now().await;
                continue;
            }
            Step::Wait(wait) if ctx.once => wait,
            Step::Wait(wait) => wait.min(wake.rest(options.poll_interval)),
            Step::Worked(_) | Step::Idle if ctx.once => break,
            Step::Worked(_) | Step::Idle => wake.rest(options.poll_interval),
        };
        rest(ctx, name, longest.max(SHORTEST_REST), wake.woken()).await;
    }
    ctx.health.ended(name);
    Ok(())
}

async fn guarded<W: Worker>(worker: &mut W) -> anyhow::Result<Step> {
    match AssertUnwindSafe(async { worker.step().await })
        .catch_unwind()
        .await
    {
        Ok(outcome) => outcome,
        Err(payload) => Err(anyhow::anyhow!("panic: {}", panic_message(&*payload))),
    }
}
