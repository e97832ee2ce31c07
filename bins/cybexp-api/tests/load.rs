//! How much, how fast, in how much memory, and what kill -9 leaves: figures for people, not for the gate.
//! `cargo build --release -p cybexp-archive && cargo test --release -p cybexp-api --test load -- --ignored --nocapture`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy sees helpers of a test as no test; the figures are for people"
)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use bson::doc;
use common::{API, NO_ARGS, all, is, senders, start, status_of, stored};
use cybexp_testkit::{Api, Daemon, Form, Site, eventually};
use futures::StreamExt;
use serde_json::json;

/// Sends so many submissions of this size, so many at once.
async fn submit(site: &Site, api: &Api, count: usize, size: usize, at_once: usize) {
    let token = site.token(&site.user().await);
    let text = "x".repeat(size - 20);
    let since = Instant::now();
    let sent = futures::stream::iter(0..count).map(|n| {
        let data = format!("{{\"n\": {n}, \"x\": \"{text}\"}}");
        let form = Form::submission(site, "text").file("x", data.as_bytes());
        let token = &token;
        async move {
            is(
                &api.submit(Some(token), &form).await,
                201,
                "File uploaded successfully!",
            )
        }
    });
    sent.buffer_unordered(at_once).collect::<Vec<()>>().await;
    let seconds = since.elapsed().as_secs_f64();
    println!(
        "{count} submissions of {size} bytes, {at_once} at once: {seconds:.2} s, {:.0}/s, {:.1} MB/s",
        count as f64 / seconds,
        (count * size) as f64 / seconds / 1e6,
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "figures for people"]
async fn throughput_and_memory() {
    for (seal, count, size, at_once) in [
        ("jwe", 1000, 1000, 16),
        ("jwe", 1000, 1000, 50),
        ("jwe", 20, 14_000_000, 1),
        ("jwe", 20, 14_000_000, 5),
        ("legacy", 1000, 1000, 50),
        ("legacy", 20, 14_000_000, 5),
    ] {
        let (site, api) = start("load", json!({"api": {"seal": seal}})).await;
        println!("{seal}:");
        let pid = api.daemon.pid();
        let idle = status_of(pid, "VmHWM");
        submit(&site, &api, count, size, at_once).await;
        let peak = status_of(pid, "VmHWM");
        println!(
            "    API: idle {} MB, peak {} MB, {} threads",
            idle >> 10,
            peak >> 10,
            status_of(pid, "Threads")
        );
        let archive = Path::new(API).with_file_name("cybexp-archive");
        let since = Instant::now();
        let archive = Daemon::start(archive.to_str().unwrap(), NO_ARGS, &site);
        let entries = site.collection("cache", "file_entries").await;
        eventually("all is archived", async || {
            entries
                .count_documents(doc! {"processed": true})
                .await
                .unwrap()
                == count as u64
        })
        .await;
        println!(
            "    archive: {:.2} s, peak {} MB",
            since.elapsed().as_secs_f64(),
            status_of(archive.pid(), "VmHWM") >> 10
        );
        let bad = entries
            .count_documents(doc! {"bad_data": true})
            .await
            .unwrap();
        println!("    {bad} set aside");
        assert!(archive.terminate().success() && api.daemon.terminate().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "figures for people"]
async fn twenty_kills() {
    let (site, mut api) = start("kills", json!({})).await;
    let token = site.token(&site.user().await);
    let mut acknowledged = 0;
    for round in 0..20 {
        let sizes = [100, 1000, 300_000, 6_000_000, 10_000_000, 14_000_000];
        let senders = senders(&site, &api, &token, 12, &sizes);
        tokio::time::sleep(Duration::from_millis(500 + 130 * round)).await;
        api.daemon.kill();
        for sender in senders {
            acknowledged += sender.await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let loose = site.cache.loose_ends().await.unwrap();
        println!("kill {round}: {loose:?}");
        api = Api::start(API, NO_ARGS, &site).await;
    }
    let since = Instant::now();
    // a killed API may have left a transaction, which the server ends after a minute
    eventually("what there is belongs together", async || {
        let loose = site.cache.loose_ends().await.unwrap();
        loose.entries_without_file + loose.files_without_entry == 0
    })
    .await;
    let counts = stored(&site).await;
    println!(
        "nothing loose {:.0} s after the last start; {acknowledged} acknowledged, {counts:?} entries, files, chunks",
        since.elapsed().as_secs_f64()
    );
    let entries = all(&site, "cache", "file_entries").await.len();
    assert!(entries >= acknowledged);
}
