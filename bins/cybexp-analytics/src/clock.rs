//! The time of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the time in Unix seconds.
pub(crate) fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}
