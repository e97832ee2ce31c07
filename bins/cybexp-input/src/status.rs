//! How an input is.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// The state of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputState {
    /// Nobody has started it, or it was stopped.
    Stopped,
    /// It has not yet heard from its source.
    Starting,
    /// All is well: it collects, or waits for its time.
    Running,
    /// There is no room in the spool: it waits.
    Blocked,
    /// The source cannot be had, or not understood: it tries again.
    Failing,
    /// The source is well, but nothing comes of what it delivers: [`InputStatus::refusal`] or [`InputStatus::unread`] says
    /// why.
    Unused,
    /// The configuration has it no more; what is left of it in the spool is posted.
    Gone,
}

/// All that is told of an input. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputStatus {
    /// Its name.
    pub name: String,
    /// The plugin.
    pub plugin: String,
    /// Whether it starts with the daemon.
    pub enabled: bool,
    /// Its state.
    pub state: InputState,
    /// Since when.
    pub since: f64,
    /// The time at which the source was last heard from.
    pub last_fetch: Option<f64>,
    /// The time at which a polled source is asked again.
    pub next_fetch: Option<f64>,
    /// The time at which a record was last taken.
    pub last_event: Option<f64>,
    /// Records taken since its first run.
    pub taken: u64,
    /// Records that the API has, since its first run.
    pub posted: u64,
    /// Records that are not posted yet, without those set aside.
    pub spooled: u64,
    /// Records that the API refused and that are set aside; a restart has them tried again.
    pub refused: u64,
    /// Records that were lost, since its first run: they came while there was no room, from a source that cannot wait.
    pub dropped: u64,
    /// Fetches that failed, since the daemon's start.
    pub errors: u64,
    /// How often the plugin panicked, since the daemon's start.
    pub panics: u64,
    /// The reason for which the API takes none of its records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The reason for which no filter reads its records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// The last error, of the source or of the API.
    pub last_error: Option<String>,
    /// The time of the last error.
    pub last_error_at: Option<f64>,
}

impl InputStatus {
    /// Whether all is as it should be: it runs, or is not meant to.
    pub fn is_right(&self) -> bool {
        match self.state {
            InputState::Running => true,
            InputState::Stopped => !self.enabled,
            // it is on its way out
            InputState::Gone => self.refused == 0 && self.refusal.is_none(),
            InputState::Starting
            | InputState::Blocked
            | InputState::Failing
            | InputState::Unused => false,
        }
    }
}

/// The status of one input, as all who know something of it see and change it.
#[derive(Debug)]
pub struct SharedStatus(watch::Sender<InputStatus>);

impl SharedStatus {
    /// That of an input that nobody has started yet.
    pub fn new(name: &str, plugin: &str, enabled: bool) -> Self {
        Self(watch::Sender::new(InputStatus {
            name: name.to_owned(),
            plugin: plugin.to_owned(),
            enabled,
            state: InputState::Stopped,
            since: now(),
            last_fetch: None,
            next_fetch: None,
            last_event: None,
            taken: 0,
            posted: 0,
            spooled: 0,
            refused: 0,
            dropped: 0,
            errors: 0,
            panics: 0,
            refusal: None,
            unread: None,
            last_error: None,
            last_error_at: None,
        }))
    }

    /// The present status.
    pub fn get(&self) -> InputStatus {
        let mut status = self.0.borrow().clone();
        // whether the source is well is one thing, and whether somebody takes what it delivers another
        let unused = status.refusal.is_some() || status.unread.is_some();
        if status.state == InputState::Running && unused {
            status.state = InputState::Unused;
        }
        status
    }

    /// Changes it.
    pub(crate) fn change(&self, change: impl FnOnce(&mut InputStatus)) {
        self.0.send_modify(change);
    }

    /// Sets the state; gives the one before.
    pub(crate) fn enter(&self, state: InputState) -> InputState {
        let mut before = state;
        self.0.send_if_modified(|status| {
            before = status.state;
            if before != state {
                status.state = state;
                status.since = now();
            }
            before != state
        });
        before
    }

    /// Waits until it is known how a start went.
    pub(crate) async fn settled(&self) {
        let mut seen = self.0.subscribe();
        // the sender is here: it cannot be gone
        let _ = seen
            .wait_for(|status| status.state != InputState::Starting)
            .await;
    }
}

/// Unix seconds.
pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
