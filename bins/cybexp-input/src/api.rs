//! The API, as all that post to it see it: one client, and one opinion on whether it is there.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cybexp_client::Client;
use cybexp_service::Backoff;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::status::now;

/// Short, for it is our own: it comes back soon, and to ask costs little.
const MAX_BACKOFF: Duration = Duration::from_secs(15);

/// How the API was when it was last spoken to. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiStatus {
    /// Its URL.
    pub url: String,
    /// Whether it takes submissions, for all that is known.
    pub up: bool,
    /// Since when.
    pub since: f64,
    /// Why it does not.
    pub error: Option<String>,
}

/// The API. While it is down nobody asks it, but one at a time after a wait.
#[derive(Debug)]
pub(crate) struct ApiState {
    inner: Mutex<KnownState>,
    /// Until when to leave it alone; `None` while it is up.
    down: watch::Sender<Option<Instant>>,
}

#[derive(Debug)]
struct KnownState {
    client: Client,
    status: ApiStatus,
    backoff: Backoff,
}

impl ApiState {
    pub(crate) fn new(client: Client) -> Self {
        let status = ApiStatus {
            url: client.base().to_string(),
            up: true,
            since: now(),
            error: None,
        };
        let inner = KnownState {
            client,
            status,
            backoff: Backoff::new(MAX_BACKOFF),
        };
        Self {
            inner: Mutex::new(inner),
            down: watch::Sender::new(None),
        }
    }

    /// Speaks to another one from now on, or with another token.
    pub(crate) fn replace(&self, client: Client) {
        let mut inner = self.lock();
        inner.status.url = client.base().to_string();
        inner.client = client;
        drop(inner);
        // it may well be there
        self.fine();
    }

    pub(crate) fn client(&self) -> Client {
        self.lock().client.clone()
    }

    pub(crate) fn status(&self) -> ApiStatus {
        self.lock().status.clone()
    }

    /// Waits until it is worth asking; whether it is known to be up, or to be asked with one record first.
    pub(crate) async fn ready(&self) -> bool {
        let mut down = self.down.subscribe();
        loop {
            let until = *down.borrow_and_update();
            match until {
                None => return true,
                Some(until) if until <= Instant::now() => return false,
                Some(until) => tokio::select! {
                    // the sender is here: it cannot be gone
                    _ = down.changed() => {}
                    () = tokio::time::sleep_until(until) => {}
                },
            }
        }
    }

    /// It has taken something.
    pub(crate) fn fine(&self) {
        if self.down.borrow().is_none() {
            return;
        }
        let mut inner = self.lock();
        info!(failures = inner.backoff.failures(), "the API is back");
        inner.backoff.success();
        inner.status = ApiStatus {
            url: inner.status.url.clone(),
            up: true,
            since: now(),
            error: None,
        };
        self.down.send_replace(None);
    }

    /// It could not be asked, or was in trouble itself.
    pub(crate) fn trouble(&self, error: &str) {
        let mut inner = self.lock();
        // many that were on their way fail together: that counts once
        if self
            .down
            .borrow()
            .is_some_and(|until| until > Instant::now())
        {
            return;
        }
        let wait = inner.backoff.failure();
        inner.status.error = Some(error.to_owned());
        if inner.status.up {
            inner.status.up = false;
            inner.status.since = now();
            warn!(
                error,
                "nothing can be posted; what comes in is kept in the spool"
            );
        } else {
            debug!(error, "the API is still away");
        }
        self.down.send_replace(Some(Instant::now() + wait));
    }

    fn lock(&self) -> MutexGuard<'_, KnownState> {
        // whole after a panic: nothing here is changed in two steps that could
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
