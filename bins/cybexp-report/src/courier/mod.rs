//! Delivery of notices to subscribers, by one report daemon at a time: it reaches the archive's users and the outside,
//! which the API in front does not.
//!
//! A notice is marked once its receiver has it, so a daemon that dies delivers it again, with the same id. A receiver that
//! fails rests, longer each time, and holds up no other. What waits for it is bounded in number and age.

mod mail;
mod parcel;
mod refusal;
mod resting;
mod serve;
mod webhook;
mod words;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cybexp_service::{DaemonContext, Shutdown, WakeSignal};
use cybexp_store::{OutboxDelivery, StoreError};
use metrics::{describe_counter, describe_gauge};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub(crate) use mail::Mail;
pub(crate) use serve::Courier;

/// The time between two looks for whether another daemon delivers, and between two renewals of the own lease.
const LEASE: Duration = Duration::from_secs(10);
/// The time between two looks for whether too much waits for receivers that fail.
const BOUND: Duration = Duration::from_secs(60);
/// The pause after the database failed.
const PAUSE: Duration = Duration::from_secs(2);
/// The receivers that are served at the same time.
const AT_ONCE: usize = 32;

/// Describes what is counted here.
pub(crate) fn describe_metrics() {
    describe_counter!(
        "cybexp_report_notices_total",
        "notices by channel and outcome: told, failed, parked, discarded as nobody may be told, or removed as too many of a \
         user were parked"
    );
    describe_gauge!(
        "cybexp_report_notices",
        "notices that wait for their receivers, and that are parked, by state, up to a million"
    );
    describe_gauge!(
        "cybexp_report_receivers_failing",
        "receivers of notices whose last delivery failed"
    );
    describe_gauge!(
        "cybexp_report_notice_age_seconds",
        "age of the oldest notice of the last delivery"
    );
}

/// The receivers that are served just now.
type Busy = Arc<Mutex<HashSet<String>>>;

/// Delivers until the daemon is asked to stop.
pub(crate) async fn deliver(ctx: DaemonContext, mut delivery: OutboxDelivery, courier: Courier) {
    let courier = Arc::new(courier);
    let wake = WakeSignal::follow(delivery.outbox().watch());
    let serving = Serving {
        courier,
        busy: Busy::default(),
        room: Arc::new(Semaphore::new(AT_ONCE)),
        tasks: TaskTracker::new(),
        wake: wake.clone(),
        shutdown: ctx.shutdown.clone(),
    };
    let (mut leased, mut bounded): (Option<Instant>, Option<Instant>) = (None, None);
    while !ctx.shutdown.is_begun() {
        let pause = round(&mut delivery, &serving, (&mut leased, &mut bounded)).await;
        let pause = pause.unwrap_or_else(|error| {
            tracing::warn!(%error, "notices could not be delivered; trying again");
            PAUSE
        });
        tokio::select! {
            () = ctx.shutdown.begun() => break,
            () = wake.woken() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    serving.tasks.close();
    serving.tasks.wait().await;
    if let Err(error) = delivery.release().await {
        tracing::debug!(%error, "the lease of the outbox ends by itself");
    }
}

/// The deliveries under way.
struct Serving {
    courier: Arc<Courier>,
    busy: Busy,
    room: Arc<Semaphore>,
    tasks: TaskTracker,
    wake: WakeSignal,
    shutdown: Shutdown,
}

impl Serving {
    /// Whether a receiver is being served.
    fn serves(&self, receiver: &str) -> bool {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.contains(receiver)
    }
}

/// Begins to serve the receivers for whom something waits, and returns the pause before the next look.
async fn round(
    delivery: &mut OutboxDelivery,
    serving: &Serving,
    (leased, bounded): (&mut Option<Instant>, &mut Option<Instant>),
) -> Result<Duration, StoreError> {
    if leased.is_none_or(|at| at.elapsed() >= LEASE) {
        *leased = None;
        if !delivery.holds().await? {
            return Ok(LEASE);
        }
        *leased = Some(Instant::now());
    }
    if bounded.is_none_or(|at| at.elapsed() >= BOUND) {
        *bounded = Some(Instant::now());
        serving.courier.keep_within_bounds().await?;
    }
    let waiting = delivery.outbox().receivers().await?;
    serving.courier.forget_all_but(&waiting);
    let mut pause = LEASE;
    for receiver in waiting {
        if serving.serves(&receiver) {
            continue;
        }
        if let Some(left) = serving.courier.rest_of(&receiver) {
            pause = pause.min(left);
            continue;
        }
        let Ok(permit) = Arc::clone(&serving.room).try_acquire_owned() else {
            // one that is done wakes the next round
            return Ok(LEASE);
        };
        let place = Place::take(&serving.busy, &receiver);
        let (courier, wake) = (Arc::clone(&serving.courier), serving.wake.clone());
        let shutdown = serving.shutdown.clone();
        serving.tasks.spawn(async move {
            courier.serve(&receiver, &shutdown).await;
            drop((place, permit));
            wake.wake();
        });
    }
    Ok(pause)
}

/// The mark of a receiver that is being served.
struct Place(Busy, String);

impl Place {
    fn take(busy: &Busy, receiver: &str) -> Self {
        let place = Self(Arc::clone(busy), receiver.to_owned());
        let mut busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(receiver.to_owned());
        place
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut busy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        busy.remove(&self.1);
    }
}
