//! The health of a daemon: alive if its loops turn, ready if everything that it needs is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The time between two beats of a loop that waits.
pub const BEAT_EVERY: Duration = Duration::from_secs(10);
/// The time without a beat after which a loop counts as hanging.
pub const BEAT_LIMIT: Duration = Duration::from_secs(60);

/// The state of a daemon, shared by its parts; clones are the same state.
///
/// Parts are called by name (`archive`, `database`). A daemon that never beats is not alive: that is on purpose.
#[derive(Debug, Clone)]
pub struct Health(Arc<HealthState>);

#[derive(Debug)]
struct HealthState {
    limit: Duration,
    started: Instant,
    beats: Mutex<BTreeMap<&'static str, Instant>>,
    parts: Mutex<BTreeMap<&'static str, Result<(), String>>>,
}

impl Default for Health {
    fn default() -> Self {
        Self::with_limit(BEAT_LIMIT)
    }
}

impl Health {
    /// Makes the state of a daemon that has just started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the state of a daemon whose loops must beat within `limit`.
    pub fn with_limit(limit: Duration) -> Self {
        Self(Arc::new(HealthState {
            limit,
            started: Instant::now(),
            beats: Mutex::default(),
            parts: Mutex::default(),
        }))
    }

    /// Notes that the loop `part` turns. It must beat again within the limit; a step that takes long beats in between.
    pub fn beat(&self, part: &'static str) {
        lock(&self.0.beats).insert(part, Instant::now());
    }

    /// Notes that the loop `part` has ended as it should, and will not beat again.
    pub fn ended(&self, part: &'static str) {
        lock(&self.0.beats).remove(part);
    }

    /// Sets the state of `part`: ready, or the reason why not.
    pub fn ready(&self, part: &'static str, state: Result<(), String>) {
        lock(&self.0.parts).insert(part, state);
    }

    /// Checks that every loop has beaten within the limit. The error names the loop that hangs.
    pub fn alive(&self) -> Result<(), String> {
        let beats = lock(&self.0.beats);
        let late = |since: Instant| since.elapsed() > self.0.limit;
        if beats.is_empty() && late(self.0.started) {
            return Err("no loop runs".to_owned());
        }
        match beats.iter().find(|(_, beat)| late(**beat)) {
            None => Ok(()),
            Some((part, beat)) => Err(format!(
                "{part} has not moved for {} s",
                beat.elapsed().as_secs()
            )),
        }
    }

    /// Checks that every part is ready. The error maps each part that is not to the reason. A daemon without any part is not
    /// ready.
    pub fn readiness(&self) -> Result<(), BTreeMap<&'static str, String>> {
        let parts = lock(&self.0.parts);
        if parts.is_empty() {
            return Err(BTreeMap::from([("daemon", "starting".to_owned())]));
        }
        let away: BTreeMap<_, _> = parts
            .iter()
            .filter_map(|(part, state)| Some((*part, state.clone().err()?)))
            .collect();
        if away.is_empty() { Ok(()) } else { Err(away) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // the maps are whole after a panic: nothing here is changed in two steps
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn alive_only_while_every_loop_beats() {
        let health = Health::new();
        tokio::time::advance(BEAT_LIMIT / 2).await;
        assert_eq!(health.alive(), Ok(()), "a daemon may take a while to start");
        tokio::time::advance(BEAT_LIMIT).await;
        assert_eq!(health.alive(), Err("no loop runs".to_owned()));

        health.beat("one");
        health.beat("two");
        assert_eq!(health.alive(), Ok(()));
        tokio::time::advance(BEAT_LIMIT + Duration::from_secs(1)).await;
        health.beat("one");
        assert_eq!(health.alive(), Err("two has not moved for 61 s".to_owned()));
        health.ended("two");
        assert_eq!(health.alive(), Ok(()));
    }

    #[test]
    fn ready_only_when_every_part_is() {
        let health = Health::new();
        assert!(health.readiness().is_err(), "nothing is known yet");
        health.ready("database", Err("connection refused".to_owned()));
        health.ready("listener", Ok(()));
        assert_eq!(
            health.readiness(),
            Err(BTreeMap::from([(
                "database",
                "connection refused".to_owned()
            )]))
        );
        health.ready("database", Ok(()));
        assert_eq!(health.readiness(), Ok(()));
    }
}
