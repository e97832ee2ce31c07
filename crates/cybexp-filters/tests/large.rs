//! Measures the time and memory of filters on large submissions, one to a process, without a database.
//!
//! `cargo test --release -p cybexp-filters --test large -- --ignored --nocapture openphish`

mod sizes;

use std::time::Instant;

use cybexp_filters::Yield;
use serde_json::{Value, json};
use sizes::bson_bytes;

/// The largest document in bytes: MongoDB's limit less the store's reserve.
const DOCUMENT_BYTES: usize = 15 << 20;

fn run(name: &str, data: &Value) -> Yield {
    let bytes = bson_bytes(data);
    let before = peak_mib();
    let start = Instant::now();
    let made = sizes::run(name, data).expect("not refused");
    let took = start.elapsed();
    let refs: usize = made.events.iter().map(|e| e.children().refs().len()).sum();
    let events = made.events.len();
    let left_out = &made.left_out;
    eprintln!(
        "{name}: {bytes} bytes, {events} events with {refs} references in {took:?}, left out {left_out:?}"
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

/// Returns the size in bytes of the largest event's document.
fn largest_bytes(made: &Yield) -> usize {
    let bytes = |event| bson_bytes(&serde_json::to_value(event).expect("JSON"));
    made.events.iter().map(bytes).max().unwrap_or_default()
}

/// A quarter, a half, and the whole: the time should double with the size.
fn growing(whole: u32) -> [u32; 3] {
    [whole / 4, whole / 2, whole]
}

#[test]
#[ignore = "prints figures"]
fn openphish_200_000_urls() {
    for urls in growing(200_000) {
        let made = run("openphish", &lines(urls));
        assert_eq!(made.events.len(), urls as usize);
        assert!(largest_bytes(&made) < 10_000);
    }
}

#[test]
#[ignore = "prints figures"]
fn phishtank_200_000_urls() {
    for urls in growing(200_000) {
        let made = run("phishtank", &lines(urls));
        assert_eq!(made.events.len(), urls as usize);
    }
}

fn lines(urls: u32) -> Value {
    let url = |n| {
        format!(
            "https://login{n}.bank-{}.example.com/verify?id={n}\n",
            n % 5000
        )
    };
    json!({"data": (0..urls).map(url).collect::<String>()})
}

/// As many records as one raw can hold.
#[test]
#[ignore = "prints figures"]
fn phishtank_records_of_15_mib() {
    for records in growing(38_000) {
        let made = run("phishtank", &(0..records).map(record).collect());
        assert_eq!(made.events.len(), records as usize);
        assert!(largest_bytes(&made) < DOCUMENT_BYTES);
    }
}

fn record(n: u32) -> Value {
    json!({
        "phish_id": format!("{n}"), "url": format!("https://login{n}.bank-{}.example.com/verify", n % 5000),
        "submission_time": "2022-11-16T14:08:44+00:00", "verified": "yes",
        "verification_time": "2022-11-16T14:12:55+00:00", "online": "yes", "target": "AEON Card",
        "details": [{
            "ip_address": format!("198.51.{}.{}", n / 250 % 250, n % 250), "cidr_block": "198.51.0.0/16",
            "announcing_network": "8100", "rir": "arin", "country": "US",
        }],
    })
}

#[test]
#[ignore = "prints figures"]
fn misp_100_000_attributes() {
    for attributes in growing(100_000) {
        let attributes: Value = (0..attributes).map(attribute).collect();
        let made = run("misp", &event(json!({"Attribute": attributes})));
        let largest = largest_bytes(&made);
        eprintln!("misp: the largest event's document has {largest} bytes");
        assert!(largest < DOCUMENT_BYTES);
    }
}

#[test]
#[ignore = "prints figures"]
fn misp_100_000_attributes_in_one_object() {
    for attributes in growing(100_000) {
        let attributes: Value = (0..attributes).map(attribute).collect();
        let made = run(
            "misp",
            &event(json!({"Object": [{"name": "all", "Attribute": attributes}]})),
        );
        assert!(largest_bytes(&made) < DOCUMENT_BYTES);
    }
}

fn event(more: Value) -> Value {
    let mut event = json!({"uuid": "5f0e0c1e", "info": "all", "timestamp": "1594756127"});
    for (field, value) in more.as_object().expect("fields") {
        event[field] = value.clone();
    }
    json!({"Event": event})
}

fn attribute(n: u32) -> Value {
    let (kind, value) = match n % 4 {
        0 => (
            "ip-src",
            format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255),
        ),
        1 => (
            "url",
            format!("https://login{n}.bank-{}.example.com/verify", n % 5000),
        ),
        2 => ("sha256", format!("{n:064x}")),
        _ => ("filename|md5", format!("invoice{n}.doc|{n:032x}")),
    };
    json!({"type": kind, "value": value, "to_ids": true, "uuid": format!("{n:036}")})
}
