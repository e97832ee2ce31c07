//! Each stage alone, and the baselines beside them.

use std::time::{Duration, Instant};

use anyhow::Context;
use cybexp_filters::{FILTERS, RawInput};
use cybexp_store::{Archive, Size};
use serde_json::{Value, json};
use tahoe_core::{Timestamp, json as exact};

use super::suite::{BenchSuite, TYPETAG};
use crate::commands::bench::honeypots::END_S;
use crate::daemon::Daemon;

/// Measures how fast the API takes records, and how fast this many archive and analytics daemons work on them.
pub(super) async fn measure(
    bench: &mut BenchSuite,
    lines: &[String],
    workers: usize,
) -> anyhow::Result<Value> {
    // the indexes are made, and the program is in the memory of the machine
    let mut start_ups = Vec::new();
    for daemon in [Daemon::Archive, Daemon::Analytics] {
        bench.suite.children.once(daemon, 1)?;
        start_ups.push(bench.suite.children.once(daemon, workers)?.0);
    }
    let since = Instant::now();
    bench.post(lines).await?;
    let mut rows = vec![row("api", lines.len(), since.elapsed(), None)];
    for (daemon, start_up) in [Daemon::Archive, Daemon::Analytics]
        .into_iter()
        .zip(start_ups)
    {
        let (took, peak_kib) = bench.suite.children.once(daemon, workers)?;
        let took = took.saturating_sub(start_up);
        rows.push(row(daemon.name(), lines.len(), took, Some(peak_kib)));
    }
    bench.settled().await?;
    Ok(rows.into())
}

fn row(stage: &str, records: usize, took: Duration, peak_kib: Option<u64>) -> Value {
    let seconds = took.as_secs_f64();
    anstream::eprintln!("  {stage} alone: {:.0} records/s", records as f64 / seconds);
    json!({
        "stage": stage, "seconds": seconds, "per_s": records as f64 / seconds,
        "peak_mb": peak_kib.map(|kib| kib >> 10),
    })
}

/// Measures what the same documents and the same filters cost without the suite, and how much is on disk.
pub(super) async fn baselines(bench: &BenchSuite, lines: &[String]) -> anyhow::Result<Value> {
    bench.server.checkpoint().await?;
    let records = lines.len() as f64;
    let per_record = |sizes: &[Size]| {
        let bytes = sizes.iter().map(|size| size.disk_bytes + size.index_bytes);
        bytes.sum::<u64>() as f64 / records
    };
    let cache = per_record(&bench.cache.sizes().await?);
    let archive = per_record(&bench.archive.sizes().await?);
    let documents = bench.archive.read_bare().await?;
    let bare = Archive::open(&bench.server, "bench_bare", "instance").await?;
    let since = Instant::now();
    bare.insert_bare(&documents).await?;
    let written = since.elapsed().as_secs_f64();
    bench.server.drop_database("bench_bare").await?;
    let filtered = filters(bench, lines)?.as_secs_f64();
    let posted: usize = lines.iter().map(String::len).sum();
    Ok(json!({
        "bare": {"documents": documents.len(), "seconds": written, "per_s": records / written},
        "filters": {"seconds": filtered, "per_s": records / filtered},
        "disk_bytes": {
            "posted": posted as f64 / records, "cache": cache, "archive": archive,
        },
    }))
}

/// Runs the filter over the records, on one core, and drops what it makes.
fn filters(bench: &BenchSuite, lines: &[String]) -> anyhow::Result<Duration> {
    let filter = FILTERS
        .iter()
        .find(|filter| filter.typetags().contains(&TYPETAG));
    let filter = filter.context("a filter reads the records")?;
    let timestamp = Timestamp::new(END_S)?;
    let since = Instant::now();
    for line in lines {
        let data = exact::parse(line)?;
        filter.run(&RawInput {
            data: &data,
            orgid: &bench.orgid,
            timezone: "UTC",
            timestamp,
        })?;
    }
    Ok(since.elapsed())
}
