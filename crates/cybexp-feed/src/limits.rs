//! Bounds of all that is read.

use std::time::Duration;

/// The longest record: a raw document ends at 15 MiB.
pub const RECORD_BYTES: usize = 15 << 20;
/// The longest body, decompressed.
pub const BODY_BYTES: u64 = 1 << 30;
/// How long a source may be silent while it is listened to.
pub const IDLE: Duration = Duration::from_secs(60);
