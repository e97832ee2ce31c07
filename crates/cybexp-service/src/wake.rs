//! The news that there may be work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use crate::backoff::Backoff;

/// While the source of news is away, a loop looks by itself this often.
const POLL_WITHOUT_NEWS: Duration = Duration::from_secs(1);
/// A wait that lasts this long without an error shows that the source is there.
const HEALED_AFTER: Duration = Duration::from_secs(10);
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// A source of news, such as a change stream. It runs in a task of its own, so `wait` need not be cancel safe.
pub trait Wake: Send {
    /// Returns when there may be new work. After an error it is called again, with back-off, and must try to reconnect.
    fn wait(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Wakes one work loop. A wake-up that comes while the loop works is kept for its next rest, so none is lost; the price is
/// at most one look too many.
#[derive(Debug, Clone, Default)]
pub struct WakeSignal {
    news: Arc<News>,
    _task: Option<Arc<AbortOnDropHandle<()>>>,
}

#[derive(Debug, Default)]
struct News {
    notify: Notify,
    away: AtomicBool,
}

impl WakeSignal {
    /// A signal that only [`WakeSignal::wake`] sets off.
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that `source` sets off. While `source` fails, the loop polls every second instead.
    pub fn follow(source: impl Wake + 'static) -> Self {
        let news = Arc::new(News::default());
        let task = tokio::spawn(follow(source, Arc::downgrade(&news)));
        Self {
            news,
            _task: Some(Arc::new(AbortOnDropHandle::new(task))),
        }
    }

    /// Says that there may be work.
    pub fn wake(&self) {
        self.news.notify.notify_one();
    }

    /// Waits for a wake-up, or takes the one that is kept. Cancel safe.
    pub async fn woken(&self) {
        self.news.notify.notified().await;
    }

    /// How long a loop may rest that wants to look every `interval` while there are news.
    pub(crate) fn rest(&self, interval: Duration) -> Duration {
        if self.news.away.load(Ordering::Relaxed) {
            interval.min(POLL_WITHOUT_NEWS)
        } else {
            interval
        }
    }
}

async fn follow(mut source: impl Wake, news: Weak<News>) {
    let mut backoff = Backoff::new(MAX_BACKOFF);
    // each turn ends with a wake-up, for what came while the source was away was not told
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

/// One `wait` of the source to its end; `None` when nobody listens any more.
async fn next(
    source: &mut impl Wake,
    news: &Weak<News>,
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

fn healed(news: &News, backoff: &mut Backoff) {
    backoff.success();
    if news.away.swap(false, Ordering::Relaxed) {
        info!("news of work are back");
    }
}
