//! All stages at work at once.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::suite::BenchSuite;
use crate::daemon::Daemon;

/// Starts the daemons, posts records and waits until all of them are in the graph. The daemons stay.
pub(super) async fn measure(
    bench: &mut BenchSuite,
    lines: &[String],
    workers: usize,
) -> anyhow::Result<Value> {
    for daemon in [Daemon::Archive, Daemon::Analytics] {
        for _ in 0..workers {
            bench.suite.children.add(daemon)?;
        }
    }
    // they connect, and make sure of their indexes
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let since = Instant::now();
    bench.post(lines).await?;
    let posted = since.elapsed().as_secs_f64();
    bench.settled().await?;
    let all = since.elapsed().as_secs_f64();
    let records = lines.len() as f64;
    anstream::eprintln!("  all together: {:.0} records/s", records / all);
    Ok(json!({
        "posted_seconds": posted, "posted_per_s": records / posted,
        "seconds": all, "per_s": records / all, "peak_mb": peaks(bench),
    }))
}

/// Returns the most memory that a daemon of each kind has had, in MB.
fn peaks(bench: &BenchSuite) -> Value {
    let mut peaks = Map::new();
    for (daemon, kib) in bench.suite.children.peaks() {
        let before = peaks.get(daemon.name()).and_then(Value::as_u64);
        let most = before.unwrap_or(0).max(kib >> 10);
        peaks.insert(daemon.name().to_owned(), most.into());
    }
    peaks.into()
}
