//! Readers of foreign bytes that fuzz targets call by themselves.

use crate::control::Request;

pub use crate::plugin::fuzz_syslog as syslog;

/// Reads a command of the control socket. One that is read is the same after it was written.
///
/// # Panics
/// If it is not.
pub fn control(text: &str) {
    if let Ok(request) = serde_json::from_str::<Request>(text) {
        let written = serde_json::to_string(&request).expect("a request is JSON");
        let again: Request = serde_json::from_str(&written).expect("a request that was written");
        assert_eq!(serde_json::to_string(&again).ok(), Some(written));
    }
}
