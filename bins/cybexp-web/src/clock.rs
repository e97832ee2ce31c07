//! The time.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the current time in whole Unix seconds.
pub(crate) fn unix_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}
