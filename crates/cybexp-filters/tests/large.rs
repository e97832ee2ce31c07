//! Large submissions, one to a process, with figures: what a filter takes in time and memory, without a database.
//!
//! `cargo test --release -p cybexp-filters --test large -- --ignored --nocapture openphish`

use std::time::Instant;

use cybexp_filters::{FILTERS, RawInput, Yield};
use serde_json::{Value, json};
use tahoe_core::{OrgId, Timestamp};

/// MongoDB's limit less what the store keeps free.
const DOCUMENT_BYTES: usize = 15 << 20;

fn run(name: &str, data: &Value) -> Yield {
    let filter = FILTERS.iter().find(|filter| filter.name() == name);
    let orgid = OrgId::new("org").expect("orgid");
    let before = peak_mib();
    let start = Instant::now();
    let made = filter.expect("a filter").run(&RawInput {
        data,
        orgid: &orgid,
        timezone: "UTC",
        timestamp: Timestamp::new(1.5).expect("finite"),
    });
    let took = start.elapsed();
    let made = made.expect("not refused");
    let hashes: usize = made.events.iter().map(|e| e.children().refs().len()).sum();
    let events = made.events.len();
    eprintln!(
        "{name}: {events} events with {hashes} references in {took:?}, left out {:?}",
        made.left_out
    );
    eprintln!("{name}: peak {} MiB, {before} MiB before", peak_mib());
    made
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.expect("VmHWM").parse::<u64>().expect("kB") / 1024
}

/// The largest event's document, as JSON: longer than as BSON but for short arrays.
fn largest_bytes(made: &Yield) -> usize {
    let bytes = |event| serde_json::to_vec(event).expect("JSON").len();
    made.events.iter().map(bytes).max().unwrap_or_default()
}

#[test]
#[ignore = "prints figures"]
fn openphish_200_000_urls() {
    let url = |n| {
        format!(
            "https://login{n}.bank-{}.example.com/verify/account?id={n}\n",
            n % 5000
        )
    };
    let text: String = (0..200_000).map(url).collect();
    let made = run("openphish", &json!({"data": text}));
    assert_eq!(made.events.len(), 200_000);
    assert!(largest_bytes(&made) < 10_000);
}

#[test]
#[ignore = "prints figures"]
fn phishtank_200_000_urls() {
    let url = |n| {
        format!(
            "https://login{n}.bank-{}.example.com/verify?id={n}\n",
            n % 5000
        )
    };
    let text: String = (0..200_000).map(url).collect();
    let made = run("phishtank", &json!({"data": text}));
    assert_eq!(made.events.len(), 200_000);
}

/// As many as one raw can hold.
#[test]
#[ignore = "prints figures"]
fn phishtank_records_of_15_mib() {
    let record = |n| {
        json!({
            "phish_id": format!("{n}"), "url": format!("https://login{n}.bank-{}.example.com/verify", n % 5000),
            "submission_time": "2022-11-16T14:08:44+00:00", "verified": "yes",
            "verification_time": "2022-11-16T14:12:55+00:00", "online": "yes", "target": "AEON Card",
            "details": [{
                "ip_address": format!("198.51.{}.{}", n / 250 % 250, n % 250), "cidr_block": "198.51.0.0/16",
                "announcing_network": "8100", "rir": "arin", "country": "US",
            }],
        })
    };
    let records: Value = (0..38_000).map(record).collect();
    eprintln!("{} bytes", records.to_string().len());
    let made = run("phishtank", &records);
    assert_eq!(made.events.len(), 38_000);
    assert!(largest_bytes(&made) < DOCUMENT_BYTES);
}
