//! Measures how the speed and the cost of analytics change as the archive grows: the same number of honeypot records
//! goes into archives of several sizes. `CYBEXP_BENCH_SIZES` names the sizes in documents, `CYBEXP_BENCH_RECORDS` the
//! records of a measurement, and `CYBEXP_BENCH_CONFIG` further sections of the configuration as JSON.

#![allow(clippy::print_stdout)]

use std::env;
use std::time::{Duration, Instant};

use cybexp_filters::readers;
use cybexp_testkit::{Daemon, Site, cowrie};
use mongo_local::{Mongod, Options};
use serde_json::json;
use tahoe_core::{OrgId, Raw, SubType, Timestamp};

const ANALYTICS: &str = env!("CARGO_BIN_EXE_cybexp-analytics");
/// The cache of MongoDB, smaller than the indexes of a large archive may be.
const CACHE_GB: f32 = 2.0;
/// Records that are written and read in one go while the archive is filled.
const FILL: usize = 50_000;
/// Ticks of `/proc/PID/stat` in a second.
const TICKS: f64 = 100.0;

#[tokio::main]
async fn main() {
    let sizes = env::var("CYBEXP_BENCH_SIZES").unwrap_or_else(|_| "50000".to_owned());
    let sizes: Vec<u64> = sizes
        .split(',')
        .map(|size| size.parse().expect("a number"))
        .collect();
    let records = env::var("CYBEXP_BENCH_RECORDS").map_or(20_000, |n| n.parse().expect("a number"));

    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options {
        cache_gb: CACHE_GB,
        ..Options::new(folder.path())
    };
    let server = tokio::task::spawn_blocking(move || mongo_local::start(&options));
    let server = server.await.expect("it runs").expect("MongoDB starts");
    let more = env::var("CYBEXP_BENCH_CONFIG").map_or(json!({}), |text| {
        serde_json::from_str(&text).expect("sections of a configuration")
    });
    let site = Site::on(server.url(), "growth", more).await;
    once(&site);

    println!("{records} records each; bytes are those of the whole archive for each raw in it");
    println!("documents    raws/s  start-up  server CPU s  index B/raw  data B/raw");
    // a record makes more than two documents
    let enough = sizes.iter().max().map_or(0, |size| *size as usize) / 2 + FILL;
    let enough = enough + records * sizes.len();
    let mut source = Source(cowrie::records(enough, 1).into_iter());
    let mut raws = 0;
    for size in sizes {
        while site.archive_size().await.documents < size {
            raws += source.fill(&site, FILL).await;
            once(&site);
        }
        let before = site.archive_size().await.documents;
        let start_up = once(&site);
        raws += source.fill(&site, records).await;
        let cpu = cpu_s(&server);
        let took = once(&site).saturating_sub(start_up);
        let cpu = cpu_s(&server) - cpu;
        let after = site.archive_size().await;
        println!(
            "{before:9} {:9.0} {:9.2} {cpu:13.1} {:12.0} {:11.0}",
            records as f64 / took.as_secs_f64(),
            start_up.as_secs_f64(),
            after.index_bytes as f64 / raws as f64,
            after.data_bytes as f64 / raws as f64,
        );
        let indexes = after.indexes.iter();
        let indexes = indexes.map(|(name, bytes)| format!("{name} {}", bytes / raws as u64));
        println!("          {}", indexes.collect::<Vec<_>>().join(", "));
    }
}

/// Records of one site in the order of their time.
struct Source(std::vec::IntoIter<String>);

impl Source {
    /// Stores the raws that the archive daemon would make of the next records, and returns their number.
    async fn fill(&mut self, site: &Site, count: usize) -> usize {
        let sub_type = SubType::new("cowrie").expect("an identifier");
        let orgid = OrgId::new(&site.orgid.to_string()).expect("an orgid");
        let at = Timestamp::new(1_700_000_000.5).expect("finite");
        let mut left = count;
        while left > 0 {
            // in batches as the archive's: raws are taken in the order in which they were stored
            let part = self.0.by_ref().take(left.min(500));
            let raws = part.map(|line| {
                let data = serde_json::from_str(&line).expect("a line is JSON");
                let utc = "UTC".to_owned();
                let raw = Raw::new(sub_type.clone(), data, orgid.clone(), utc, Some(at));
                raw.expect("a record fits into a raw")
            });
            let raws: Vec<Raw> = raws.collect();
            assert!(!raws.is_empty(), "more records are needed than were made");
            left -= raws.len();
            let written = site.raws.write(&raws, readers).await;
            written.expect("the raws are stored");
        }
        count
    }
}

/// Runs the daemon until nothing is pending and returns the time from its start to its end.
fn once(site: &Site) -> Duration {
    let since = Instant::now();
    let status = Daemon::start(ANALYTICS, &["--once"], site).wait();
    assert!(status.success(), "{status}");
    since.elapsed()
}

/// Returns the processor time that the server has used, in seconds.
fn cpu_s(server: &Mongod) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).expect("it runs");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = [11, 12].map(|n| fields.get(n).and_then(|ticks| ticks.parse::<f64>().ok()));
    ticks.into_iter().flatten().sum::<f64>() / TICKS
}
