//! One input at work: fetches when it is time, waits after failures, and survives a plugin that panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use cybexp_service::config::InputSpec;
use cybexp_service::{Backoff, Config, ConfigError, MAX_BACKOFF, panic_message};
use futures::FutureExt;
use metrics::counter;
use rand::Rng;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::plugin::{self, InputConfig, InputSource, Next, Plugin};
use crate::sink::RecordSink;
use crate::status::{InputState, SharedStatus, now};
use cybexp_feed::Later;
use cybexp_spool::{InputId, KnownInput, Spool};

/// How long a source may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);
/// A source that has failed may be asked again so soon after a restart of the daemon, unless it said otherwise itself.
const AFTER_FAILURE: Duration = Duration::from_secs(60);
/// The longest wait of a source that is listened to: what it sends meanwhile is lost.
const MAX_LISTENING_BACKOFF: Duration = Duration::from_secs(60);
/// The most that is added to a period, so that not everybody comes at the full hour.
const JITTER: Duration = Duration::from_secs(60);

/// An input at work. Without [`Collector::stop`] it goes on for ever.
pub(crate) struct Collector {
    stop: CancellationToken,
    task: JoinHandle<()>,
    status: Arc<SharedStatus>,
}

/// The parts that an input is made of.
#[derive(Clone)]
pub(crate) struct CollectorParts {
    pub(crate) spec: InputSpec,
    pub(crate) config: Arc<Config>,
    pub(crate) spool: Spool,
    pub(crate) status: Arc<SharedStatus>,
}

impl CollectorParts {
    /// The plugin and the source as its settings say.
    pub(crate) fn open(&self) -> Result<(&'static dyn Plugin, Box<dyn InputSource>), ConfigError> {
        let given = InputConfig {
            input: &self.spec,
            config: &self.config,
        };
        let plugin = plugin::find_for(&given)?;
        Ok((plugin, plugin.open(&given)?))
    }
}

impl Collector {
    /// Starts an input that the spool knows.
    pub(crate) fn start(parts: CollectorParts, known: KnownInput) -> Result<Self, ConfigError> {
        let (plugin, source) = parts.open()?;
        let stop = CancellationToken::new();
        let status = Arc::clone(&parts.status);
        let sink = RecordSink::new(
            &parts.spec.name,
            Arc::clone(&status),
            stop.clone(),
            parts.spool.clone(),
            known.id,
            known.cursor,
        );
        let period = match (plugin.period(), parts.spec.period_s) {
            (None, _) => None,
            (Some(period), 0) => Some(period),
            (Some(_), seconds) => Some(Duration::from_secs(seconds)),
        };
        status.enter(InputState::Starting);
        let run = InputRun {
            id: known.id,
            not_before: known.not_before,
            period,
            stop: stop.clone(),
            sink,
            spool: parts.spool.clone(),
            status: Arc::clone(&status),
            open: Box::new(move || Ok(parts.open()?.1)),
            backoff: Backoff::new(match period {
                None => MAX_LISTENING_BACKOFF,
                Some(_) => MAX_BACKOFF,
            }),
        };
        let task = tokio::spawn(run.run(source));
        Ok(Self { stop, task, status })
    }

    /// Ends it; what it has in hand is taken, if that takes not too long.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
            let _ = self.task.await;
        }
        self.status.enter(InputState::Stopped);
        self.status.change(|status| status.next_fetch = None);
    }
}

struct InputRun {
    id: InputId,
    not_before: f64,
    /// `None`: it listens.
    period: Option<Duration>,
    stop: CancellationToken,
    sink: RecordSink,
    spool: Spool,
    status: Arc<SharedStatus>,
    open: Box<dyn Fn() -> Result<Box<dyn InputSource>, ConfigError> + Send + Sync>,
    backoff: Backoff,
}

impl InputRun {
    async fn run(mut self, mut source: Box<dyn InputSource>) {
        let first = Duration::try_from_secs_f64(self.not_before - now()).unwrap_or_default();
        if self.period.is_some() && !first.is_zero() {
            // it ran not long ago: its time has not come yet
            self.status.enter(InputState::Running);
            self.rest(first.min(MAX_BACKOFF.max(self.period.unwrap_or_default())))
                .await;
        }
        while !self.stop.is_cancelled() {
            self.status.change(|status| status.next_fetch = None);
            let taken = self.status.get().taken;
            let outcome = AssertUnwindSafe(source.fetch(&self.sink))
                .catch_unwind()
                .await;
            if self.stop.is_cancelled() {
                break;
            }
            if self.sink.has_stood() || self.status.get().taken > taken {
                // it came some way: what fails after that is no failure in a row
                self.backoff.success();
            }
            let wait = match outcome {
                Ok(Ok(next)) => self.well(next).await,
                Ok(Err(error)) => self.failed(&error).await,
                Err(panic) => {
                    let text = panic_message(&*panic).to_owned();
                    // what is left of it may be broken
                    match (self.open)() {
                        Ok(new) => source = new,
                        Err(error) => warn!(%error, "cannot be opened again"),
                    }
                    self.panicked(&text).await
                }
            };
            self.rest(wait).await;
        }
    }

    async fn rest(&self, wait: Duration) {
        self.status
            .change(|status| status.next_fetch = Some(now() + wait.as_secs_f64()));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn well(&mut self, next: Next) -> Duration {
        self.backoff.success();
        self.sink.reached();
        let Some(period) = self.period else {
            // it should have gone on: give the source a moment
            return Duration::from_secs(1);
        };
        let jitter = (period / 10).min(JITTER).mul_f64(rand::rng().random());
        let wait = period + jitter;
        let wait = match next {
            Next::Period => wait,
            Next::NotBefore(asked) => wait.max(asked),
        };
        self.remember(wait).await;
        wait
    }

    async fn failed(&mut self, error: &anyhow::Error) -> Duration {
        let wait = self.backoff.failure();
        let asked = error.downcast_ref::<Later>().map(|later| later.wait);
        let wait = asked.map_or(wait, |asked| wait.max(asked));
        counter!("cybexp_input_failures_total", "input" => self.sink.name().to_owned())
            .increment(1);
        self.sink.failing(error);
        if self.period.is_some() {
            self.remember(asked.unwrap_or(wait.min(AFTER_FAILURE)))
                .await;
        }
        wait
    }

    async fn panicked(&mut self, text: &str) -> Duration {
        self.status.change(|status| status.panics += 1);
        self.failed(&anyhow::anyhow!("the plugin panicked: {text}"))
            .await
    }

    /// Keeps the interval across a restart of the daemon.
    async fn remember(&self, wait: Duration) {
        let at = now() + wait.as_secs_f64();
        if let Err(error) = self.spool.not_before(self.id, at).await {
            info!(%error, "the time of the next fetch is not kept");
        }
    }
}

#[cfg(test)]
mod tests;
