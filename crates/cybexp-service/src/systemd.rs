//! Notifications to systemd: readiness, stopping, watchdog. Without systemd they do nothing.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

use crate::health::Health;

pub(crate) fn ready() {
    notify(NotifyState::Ready);
}

pub(crate) fn stopping() {
    notify(NotifyState::Stopping);
}

/// Notifies the unit's watchdog (`WatchdogSec=`) for as long as [`Health::alive`] succeeds.
pub(crate) async fn watchdog(health: Health) {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut ticks = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    loop {
        ticks.tick().await;
        match health.alive() {
            Ok(()) => notify(NotifyState::Watchdog),
            Err(reason) => warn!(reason, "not alive: the watchdog is left to bite"),
        }
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "cannot notify systemd");
    }
}
