//! `cybexp verify` of a large archive: its speed and its memory.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are what it shows, and clippy sees helpers of a test as no test"
)]

use std::env;
use std::process::{Command, Stdio};
use std::time::Instant;

use cybexp_testkit::status_of;
use mongo_local::Options;
use serde_json::{Value, json};

/// An archive that `cybexp bench report --events 2000000 --data FOLDER` made, verified with the program of the test or
/// another one: `CYBEXP_VERIFY_DATA=FOLDER CYBEXP_VERIFY_WITH=target/release/cybexp cargo test -p cybexp --test verify --
/// --ignored --nocapture`
#[test]
#[ignore = "needs an archive of millions of events"]
fn figures_of_a_large_archive() {
    let data = env::var("CYBEXP_VERIFY_DATA").expect("CYBEXP_VERIFY_DATA names a folder");
    let cybexp = env::var("CYBEXP_VERIFY_WITH");
    let cybexp = cybexp.unwrap_or_else(|_| env!("CARGO_BIN_EXE_cybexp").to_owned());
    let options = Options {
        cache_gb: 1.0,
        ..Options::new(data)
    };
    let server = mongo_local::start(&options).unwrap();
    let db = json!({"mongo_url": server.url(), "db": "cybexp_bench"});
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    let secret = json!({"mongo_url": server.url(), "db": "cybexp_bench_users", "secret": "0123456789abcdef".repeat(2)});
    let beside = json!({"mongo_url": server.url(), "db": "cybexp_bench_beside"});
    let all = json!({"tahoe": db, "cache": beside, "report": beside, "identity": secret});
    std::fs::write(&config, all.to_string()).unwrap();
    let since = Instant::now();
    let mut child = Command::new(&cybexp)
        .args(["verify", "--json", "--config"])
        .arg(&config)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut peak = 0;
    // its report is short enough for the pipe
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(status_of(child.id(), "VmHWM").unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let took = since.elapsed().as_secs_f64();
    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let read = report["read"].as_object().unwrap().values();
    let documents: u64 = read.filter_map(Value::as_u64).sum();
    println!("{report:#}");
    println!(
        "{documents} documents in {took:.0} s, {:.0} a second, {} MiB at most",
        documents as f64 / took,
        peak / 1024
    );
    assert_eq!(report["right"], true);
    assert!(peak < 512 << 10, "{peak} KiB");
}
