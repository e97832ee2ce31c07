//! Raws that make very much: a feed of hundreds of thousands of URLs and a MISP event of a hundred thousand attributes. What
//! is made of them is written as it comes, so that no daemon takes memory in proportion to it.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are part of what it shows, and clippy sees helpers of a test as no test"
)]

use std::time::Duration;

use bson::doc;
use cybexp_testkit::{Daemon, Site, verified};
use serde_json::json;

const CYBEXP: &str = env!("CARGO_BIN_EXE_cybexp");

/// Makes a feed, a URL a line.
fn feed(urls: usize) -> String {
    let url = |n: usize| {
        format!(
            "http://h{}.phish{}.example/login/{n}\n",
            n % 977,
            n % 50_000
        )
    };
    (0..urls).map(url).collect()
}

/// Makes a MISP event of indicators.
fn event(attributes: usize) -> String {
    let attribute = |n: usize| match n % 2 {
        0 => {
            json!({"type": "ip-dst", "value": address(n), "to_ids": true, "category": "Network activity"})
        }
        _ => json!({"type": "sha256", "value": format!("{n:064x}"), "to_ids": true}),
    };
    let attributes: Vec<_> = (0..attributes).map(attribute).collect();
    let event = json!({
        "uuid": "5f1a0c2e-0000-4000-8000-000000000001", "info": "a botnet", "timestamp": "1700000000",
        "Attribute": attributes,
    });
    json!({"Event": event}).to_string()
}

/// Returns an address of 198.18.0.0/15, which is for benchmarks (RFC 2544).
fn address(n: usize) -> String {
    format!("198.{}.{}.{}", 18 + (n >> 16 & 1), n >> 8 & 255, n & 255)
}

/// Runs a daemon until nothing is pending. Returns the time it took, and its peak memory in MiB.
fn once(site: &Site, daemon: &str) -> (Duration, u64) {
    let args = ["daemon", daemon, "--once"];
    let (took, peak) = Daemon::run_to_end(CYBEXP, &args, site);
    println!("{daemon}: {:.1} s, {peak} MiB at most", took.as_secs_f64());
    (took, peak)
}

async fn goes_through(urls: usize, attributes: usize, most_mib: u64) {
    let site = Site::new("wide", json!({})).await;
    let (feed, event) = (feed(urls), event(attributes));
    println!(
        "{urls} URLs in {} bytes, {attributes} attributes in {} bytes",
        feed.len(),
        event.len()
    );
    site.submit("openphish_feed", [feed.as_str()]).await;
    site.submit("misp_event", [event.as_str()]).await;
    let peaks = ["archive", "analytics"].map(|daemon| (daemon, once(&site, daemon).1));
    let instances = site.collection("tahoe", "instance").await;
    let count = async |filter| instances.count_documents(filter).await.unwrap();
    assert_eq!(count(doc! {"_error": {"$exists": true}}).await, 0);
    assert_eq!(
        count(doc! {"itype": "raw", "filters": {"$size": 1}}).await,
        2
    );
    assert_eq!(
        count(doc! {"sub_type": "sighting", "itype": "event"}).await,
        urls as u64
    );
    assert_eq!(
        count(doc! {"itype": "attribute", "sub_type": "url"}).await,
        urls as u64
    );
    let hashes = count(doc! {"itype": "attribute", "sub_type": "sha256"}).await;
    assert_eq!(hashes, attributes as u64 / 2);
    // an event may have 10,000 references
    let events = count(doc! {"itype": "event", "sub_type": "misp"}).await;
    assert!(events >= attributes as u64 / 10_000, "{events}");
    println!("{} documents", count(doc! {}).await);
    verified(CYBEXP, &site).await;
    for (daemon, peak) in peaks {
        assert!(peak < most_mib, "{daemon}: {peak} MiB");
    }
}

#[tokio::test]
async fn a_wide_feed_and_a_wide_event_take_little_memory() {
    goes_through(20_000, 20_000, 256).await;
}

/// The sizes of the feeds of today. It takes minutes: `cargo test -p cybexp --test wide -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "takes minutes"]
async fn a_feed_of_200_000_urls_and_an_event_of_100_000_attributes() {
    goes_through(200_000, 100_000, 200).await;
}
