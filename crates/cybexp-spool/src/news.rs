//! Signals to those who wait for records or for room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::input::InputId;

/// Wakes those who wait for records or for room.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// There are records of this input to post.
    queued: Mutex<HashMap<InputId, Arc<Notify>>>,
    /// There is room again.
    pub(crate) freed: Notify,
}

impl Signals {
    pub(crate) fn queued(&self, input: InputId) -> Arc<Notify> {
        // whole after a panic: there is nothing here that is changed in two steps
        let mut queued = self.queued.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queued.entry(input).or_default())
    }
}
