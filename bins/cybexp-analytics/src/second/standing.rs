//! The places of this worker's second-stage filters among those of all workers.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The filters that rest because another worker has a higher version or other data; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standings(Arc<Mutex<HashSet<&'static str>>>);

impl Standings {
    /// Whether a filter is to work.
    pub(super) fn is_current(&self, filter: &str) -> bool {
        !self.resting().contains(filter)
    }

    /// Sets whether a filter rests, and returns whether that is new.
    pub(super) fn set(&self, filter: &'static str, rests: bool) -> bool {
        match rests {
            true => self.resting().insert(filter),
            false => self.resting().remove(filter),
        }
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, HashSet<&'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
