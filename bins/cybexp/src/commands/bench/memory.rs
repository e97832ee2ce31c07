//! Measures the memory of this process.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A watch over the memory of this process, from its beginning to its end.
pub(super) struct MemoryWatch {
    before: u64,
    stop: oneshot::Sender<()>,
    most: JoinHandle<u64>,
}

impl MemoryWatch {
    pub(super) fn begin() -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let most = tokio::spawn(async move {
            let mut most = resident();
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            loop {
                tokio::select! {
                    _ = tick.tick() => most = most.max(resident()),
                    _ = &mut stopped => return most,
                }
            }
        });
        Self {
            before: resident(),
            stop,
            most,
        }
    }

    pub(super) async fn end(self) -> Value {
        let _ = self.stop.send(());
        let most = self.most.await.unwrap_or_default();
        json!({"resident_before_mb": self.before >> 10, "resident_most_mb": most >> 10})
    }
}

/// Returns the resident set in KiB; 0 if the system does not tell.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    size.unwrap_or(0)
}
