//! Feeds that are large, or want to be: in a process of its own, whose memory is measured.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

#[path = "../plugins/harness.rs"]
mod harness;
#[path = "../plugins/server.rs"]
#[allow(dead_code, reason = "what the plugins' tests need")]
mod server;

use std::time::Instant;

use serde_json::json;

use crate::harness::Input;
use crate::server::{Server, bzip2, gzip, ok};

const PHISHES: usize = 60_000;

/// The most memory that this process ever had, in MiB.
fn peak_mib() -> u64 {
    cybexp_testkit::status_of(std::process::id(), "VmHWM").unwrap() / 1024
}

/// As long as PhishTank's are.
fn phish(id: usize) -> String {
    format!(
        "{{\"phish_id\":\"{id}\",\"url\":\"https://phish{id}.example/{:x}\",\"phish_detail_url\":\
         \"http://www.phishtank.com/phish_detail.php?phish_id={id}\",\"submission_time\":\"2022-11-16T14:08:44+00:00\",\
         \"verified\":\"yes\",\"verification_time\":\"2022-11-16T14:12:55+00:00\",\"online\":\"yes\",\"details\":\
         [{{\"ip_address\":\"204.152.210.139\",\"cidr_block\":\"204.152.192.0/19\",\"announcing_network\":\"8100\",\
         \"rir\":\"arin\",\"country\":\"US\",\"detail_time\":\"2022-11-16T14:13:00+00:00\"}}],\"target\":\"Other\"}}",
        id.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    )
}

/// Compressed piece by piece, so that the test itself holds little of it.
async fn feed() -> Vec<u8> {
    let mut packed = Vec::new();
    for start in (0..PHISHES).step_by(10_000) {
        let phishes: Vec<String> = (start..start + 10_000).map(phish).collect();
        let open = if start == 0 { "[" } else { "," };
        packed.extend(bzip2(format!("{open}{}", phishes.join(",\n")).as_bytes()).await);
    }
    packed.extend(bzip2(b"]").await);
    packed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_feed_takes_little_memory() {
    let feed = feed().await;
    let before = peak_mib();
    eprintln!(
        "{} phishes, {} bytes packed; {before} MiB before",
        PHISHES,
        feed.len()
    );
    let server = Server::start(move |_| ok(feed.clone())).await;
    let input = Input::new(
        "phishtank",
        json!({"url": server.url("/online-valid.json.bz2")}),
    );
    for expected in ["all of them are new", "none is"] {
        let since = Instant::now();
        input.fetch().await.unwrap();
        let took = since.elapsed();
        assert_eq!(input.known().await.counts.taken, PHISHES as u64);
        eprintln!("{expected}: {took:?}, peak {} MiB", peak_mib());
    }
    let peak = peak_mib() - before;
    assert!(peak < 100, "{peak} MiB");
    drop(server);
}

/// 2 GiB, of which 1 GiB is read.
async fn bomb(plugin: &str, open: &str, fill: u8) {
    let before = peak_mib();
    let mut bomb = gzip(open.as_bytes()).await;
    bomb.extend(gzip(&vec![fill; 16 << 20]).await.repeat(128));
    let server = Server::start(move |_| ok(bomb.clone())).await;
    let mut settings = json!({"url": server.url("/")});
    if plugin == "http" {
        settings["items"] = json!(if open.starts_with('{') { "a" } else { "." });
    }
    let since = Instant::now();
    let error = Input::new(plugin, settings).fetch().await.unwrap_err();
    let expected = "longer than 1073741824 bytes";
    assert!(error.to_string().contains(expected), "{error}");
    let (took, peak) = (since.elapsed(), peak_mib());
    eprintln!("{plugin}, {open}: {took:?}, peak {peak} MiB, {before} MiB before");
    assert!(peak - before < 150, "{peak} MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bomb_of_one_line() {
    bomb("openphish", "http://", b'x').await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow unless optimised"]
async fn bombs_of_json() {
    bomb("http", "[", b' ').await;
    bomb("http", "[\"", b'x').await;
    bomb("http", "[", b'[').await;
    bomb("http", "{\"", b'x').await;
    bomb("http", "[", b'1').await;
}
