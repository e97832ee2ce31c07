//! Measures how fast the archive opens sealed submissions and stores them, in both formats. `CYBEXP_BENCH_RECORDS` sets
//! the size.

#![allow(clippy::print_stdout)]

use std::env;
use std::time::{Duration, Instant};

use cybexp_seal::{Format, PublicKey};
use cybexp_store::Submission;
use cybexp_testkit::{Daemon, Site, cowrie};
use serde_json::json;

const ARCHIVE: &str = env!("CARGO_BIN_EXE_cybexp-archive");

#[tokio::main]
async fn main() {
    let records = env::var("CYBEXP_BENCH_RECORDS").ok();
    let records = records.map_or(20_000, |text| {
        text.parse().expect("CYBEXP_BENCH_RECORDS is a number")
    });
    let lines = cowrie::records(records, 1);
    println!("{records} sealed honeypot records, RSA 2048");
    for (name, format) in [("JWE", Format::Jwe), ("legacy", Format::Legacy)] {
        let site = Site::new("bench", json!({})).await;
        once(&site);
        let start_up = once(&site);
        submit(&site, format, &lines).await;
        let took = once(&site).saturating_sub(start_up).as_secs_f64();
        assert_eq!(
            site.cache
                .count_pending()
                .await
                .expect("the cache can be read"),
            0
        );
        println!(
            "{name:7} {took:6.2} s {:7.0} entries/s",
            records as f64 / took
        );
    }
}

/// Runs the daemon until nothing is pending and returns the time from its start to its end.
fn once(site: &Site) -> Duration {
    let since = Instant::now();
    let status = Daemon::start(ARCHIVE, &["--once"], site).wait();
    assert!(status.success(), "{status}");
    since.elapsed()
}

async fn submit(site: &Site, format: Format, lines: &[String]) {
    let pem =
        std::fs::read_to_string(site.folder.path().join("pub.pem")).expect("the site has a key");
    let key = PublicKey::from_pem(&pem).expect("the key is valid");
    for part in lines.chunks(1000) {
        let submissions: Vec<Submission> = part
            .iter()
            .map(|line| Submission {
                sealed: key.seal(format, line.as_bytes()).expect("sealing works"),
                ..site.submission("cowrie", "")
            })
            .collect();
        site.cache
            .submit(&submissions)
            .await
            .expect("submissions are stored");
    }
}
