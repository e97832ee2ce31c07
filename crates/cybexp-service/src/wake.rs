//! Wake-ups: signals that there may be work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use crate::backoff::Backoff;

/// The time between two looks for work while the source of wake-ups is away.
const POLL_WITHOUT_NEWS: Duration = Duration::from_secs(1);
/// The length of a wait without an error that shows that the source is back.
const HEALED_AFTER: Duration = Duration::from_secs(10);
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// A source of wake-ups, such as a change stream. It runs in a task of its own, so `wait` need not be cancel safe.
pub trait Wake: Send {
    /// Returns when there may be new work. After an error it is called again, with back-off, and must try to reconnect.
    fn wait(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// The signal that wakes one work loop. A wake-up that comes while the loop works is kept for its next rest, so none is
/// lost; at worst the loop looks once too often.
#[derive(Debug, Clone, Default)]
pub struct WakeSignal {
    news: Arc<Arrivals>,
    _task: Option<Arc<AbortOnDropHandle<()>>>,
}

#[derive(Debug, Default)]
struct Arrivals {
    notify: Notify,
    away: AtomicBool,
}

impl WakeSignal {
    /// Makes a signal that only [`WakeSignal::wake`] sets off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a signal that `source` sets off. While `source` fails, the loop polls every second instead.
    pub fn follow(source: impl Wake + 'static) -> Self {
        let news = Arc::new(Arrivals::default());
        let task = tokio::spawn(follow(source, Arc::downgrade(&news)));
        Self {
            news,
            _task: Some(Arc::new(AbortOnDropHandle::new(task))),
        }
    }

    /// Signals that there may be work.
    pub fn wake(&self) {
        self.news.notify.notify_one();
    }

    /// Waits for a wake-up, or takes the one that is kept. Cancel safe.
    pub async fn woken(&self) {
        self.news.notify.notified().await;
    }

    /// Returns the longest rest of a loop that looks every `interval` while its source is there.
    pub(crate) fn rest(&self, interval: Duration) -> Duration {
        if self.news.away.load(Ordering::Relaxed) {
            interval.min(POLL_WITHOUT_NEWS)
        } else {
            interval
        }
    }
}

async fn follow(mut source: impl Wake, news: Weak<Arrivals>) {
    let mut backoff = Backoff::new(MAX_BACKOFF);
    // each turn ends with a wake-up, for work that came while the source was away was not signalled
    while let Some(result) = next(&mut source, &news, &mut backoff).await {
        let Some(news) = news.upgrade() else { return };
        match result {
            Ok(()) => {
                healed(&news, &mut backoff);
                news.notify.notify_one();
            }
            Err(error) => {
                let wait = backoff.failure();
                if news.away.swap(true, Ordering::Relaxed) {
                    debug!(error = format!("{error:#}"), "still no news of work");
                } else {
                    warn!(
                        error = format!("{error:#}"),
                        "no news of work: polling every second instead"
                    );
                }
                news.notify.notify_one();
                drop(news);
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// Runs one `wait` of the source to its end; `None` if no loop listens any more.
async fn next(
    source: &mut impl Wake,
    news: &Weak<Arrivals>,
    backoff: &mut Backoff,
) -> Option<anyhow::Result<()>> {
    let waiting = source.wait();
    tokio::pin!(waiting);
    if backoff.failures() > 0 {
        tokio::select! {
            result = &mut waiting => return Some(result),
            () = tokio::time::sleep(HEALED_AFTER) => healed(&*news.upgrade()?, backoff),
        }
    }
    Some(waiting.await)
}

fn healed(news: &Arrivals, backoff: &mut Backoff) {
    backoff.success();
    if news.away.swap(false, Ordering::Relaxed) {
        info!("news of work are back");
    }
}
