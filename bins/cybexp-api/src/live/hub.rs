//! The listeners of this API, and the tail of the database that serves them all. Nothing is read while nobody listens.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cybexp_service::{NoticeMacs, Shutdown};
use cybexp_store::{HEARD_WITHIN, Live, LiveTail, StoreError};
use tahoe_core::Hash;
use tokio::sync::{Notify, watch};

use super::moment::Moment;

/// The most listeners, and the most of one user.
const LISTENERS: usize = 512;
const OF_USER: usize = 8;
/// The rows that wait for one listener. The oldest are dropped for new ones, and the listener is told.
const WAITING: usize = 256;
/// How often the database is told that somebody listens.
const RENEW: Duration = Duration::from_secs(30);
/// The pause after the database failed.
const PAUSE: Duration = Duration::from_secs(1);

/// All listeners; cheap to clone.
#[derive(Clone)]
pub(crate) struct LiveHub(Arc<Inner>);

struct Inner {
    live: Live,
    macs: NoticeMacs,
    seats: Mutex<Seats>,
    /// Wakes the tail when somebody begins to listen.
    begun: Notify,
    /// Whether the tail follows what comes in.
    follows: watch::Sender<bool>,
    shutdown: Shutdown,
}

#[derive(Default)]
struct Seats {
    next: u64,
    all: HashMap<u64, (Hash, Arc<Queue>)>,
}

/// The rows that wait for one listener.
#[derive(Default)]
struct Queue {
    rows: Mutex<Waiting>,
    came: Notify,
}

#[derive(Default)]
struct Waiting {
    rows: VecDeque<Arc<Moment>>,
    missed: bool,
}

/// The place of a listener, until it is dropped.
pub(crate) struct Seat {
    hub: LiveHub,
    n: u64,
    queue: Arc<Queue>,
}

/// There are too many listeners, of the user or at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyListen;

impl LiveHub {
    /// Starts the tail.
    pub(crate) fn start(live: Live, macs: NoticeMacs, shutdown: Shutdown) -> Self {
        let hub = Self(Arc::new(Inner {
            live,
            macs,
            seats: Mutex::default(),
            begun: Notify::new(),
            follows: watch::channel(false).0,
            shutdown,
        }));
        tokio::spawn(hub.clone().run());
        hub
    }

    pub(super) fn live(&self) -> &Live {
        &self.0.live
    }

    pub(super) fn macs(&self) -> &NoticeMacs {
        &self.0.macs
    }

    pub(super) fn shutdown(&self) -> &Shutdown {
        &self.0.shutdown
    }

    /// Gives a listener of this user a place.
    pub(crate) fn sit(&self, user: Hash) -> Result<Seat, TooManyListen> {
        let mut seats = self.seats();
        let of_user = seats.all.values().filter(|(of, _)| *of == user).count();
        if seats.all.len() >= LISTENERS || of_user >= OF_USER {
            return Err(TooManyListen);
        }
        let n = seats.next;
        seats.next += 1;
        let queue = Arc::new(Queue::default());
        seats.all.insert(n, (user, Arc::clone(&queue)));
        drop(seats);
        self.0.begun.notify_one();
        Ok(Seat {
            hub: self.clone(),
            n,
            queue,
        })
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.0.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.seats().all.is_empty()
    }

    async fn run(self) {
        let mut tail = LiveTail::new(&self.0.live);
        let mut since = None;
        loop {
            if self.is_empty() {
                // what is written while nobody listens is not read: it may be told again from the database
                self.0.follows.send_replace(false);
                (tail, since) = (LiveTail::new(&self.0.live), None);
                tokio::select! {
                    () = self.0.shutdown.begun() => return,
                    () = self.0.begun.notified() => {}
                }
                continue;
            }
            if self.0.shutdown.is_begun() {
                return;
            }
            if let Err(error) = self.follow(&mut tail, &mut since).await {
                tracing::warn!(%error, "new events cannot be followed; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Follows what comes in until nobody listens any more, or the database fails.
    async fn follow(&self, tail: &mut LiveTail, since: &mut Option<f64>) -> Result<(), StoreError> {
        let mut is_gap = false;
        let mut renewed: Option<Instant> = None;
        while !self.is_empty() && !self.0.shutdown.is_begun() {
            if renewed.is_none_or(|at| at.elapsed() >= RENEW) {
                let standing = self.0.live.listen().await?;
                // for some time nobody was known to listen, and rows were not written
                let before = since.replace(standing.since);
                is_gap |= before.is_some_and(|before| before != standing.since);
                renewed = Some(Instant::now());
                if before != Some(standing.since) {
                    // until then a writer may take it that nobody listens
                    tokio::time::sleep(HEARD_WITHIN).await;
                }
            }
            // after that: a listener who has rows of before would be told of a gap when it comes back
            is_gap |= tail.begin().await?;
            self.0
                .follows
                .send_if_modified(|follows| !std::mem::replace(follows, true));
            if std::mem::take(&mut is_gap) {
                self.each(Queue::miss);
            }
            if let Some(row) = tail.next().await?
                && let Some(moment) = Moment::read(row, &self.0.macs)
            {
                self.each(|queue| queue.push(&moment));
            }
        }
        Ok(())
    }

    fn each(&self, act: impl Fn(&Queue)) {
        let seats = self.seats();
        for (_, queue) in seats.all.values() {
            act(queue);
        }
    }
}

impl Queue {
    fn rows(&self) -> MutexGuard<'_, Waiting> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, moment: &Arc<Moment>) {
        let mut waiting = self.rows();
        if waiting.rows.len() >= WAITING {
            waiting.rows.pop_front();
            waiting.missed = true;
        }
        waiting.rows.push_back(Arc::clone(moment));
        drop(waiting);
        self.came.notify_one();
    }

    fn miss(&self) {
        self.rows().missed = true;
        self.came.notify_one();
    }
}

impl Seat {
    /// Waits until all that comes in from now on reaches the listener; false if that takes longer than `time`.
    pub(crate) async fn is_followed(&self, time: Duration) -> bool {
        let mut follows = self.hub.0.follows.subscribe();
        let following = follows.wait_for(|follows| *follows);
        matches!(tokio::time::timeout(time, following).await, Ok(Ok(_)))
    }

    pub(super) fn hub(&self) -> &LiveHub {
        &self.hub
    }

    /// Waits until something came. Cancel safe.
    pub(super) async fn came(&self) {
        self.queue.came.notified().await;
    }

    /// Returns what came, and whether rows before it are missing.
    pub(super) fn take(&self) -> (Vec<Arc<Moment>>, bool) {
        let mut waiting = self.queue.rows();
        let rows = waiting.rows.drain(..).collect();
        (rows, std::mem::take(&mut waiting.missed))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.seats().all.remove(&self.n);
    }
}
