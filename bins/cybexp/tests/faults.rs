//! Faults of analytics and of its server that hold up nobody else: a worker that is killed while it writes, a filter whose
//! work fails, and a server with little memory.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are part of what it shows, and clippy sees helpers of a test as no test"
)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::{Duration, Instant};

use bson::{Document, doc};
use cybexp_filters::FILTERS;
use cybexp_testkit::{Daemon, Site, cowrie, eventually, verified};
use mongo_local::{Mongod, Options};
use serde_json::{Value, json};

const CYBEXP: &str = env!("CARGO_BIN_EXE_cybexp");
/// The length of a lease (`mongo/lease.rs` of cybexp-store).
const LEASE: Duration = Duration::from_secs(30);
/// The time for the work itself, on a machine that does much else.
const WORK: Duration = Duration::from_secs(30);

fn start(site: &Site, daemon: &str) -> Daemon {
    Daemon::start(CYBEXP, &["daemon", daemon], site)
}

fn once(site: &Site, daemon: &str) -> Duration {
    let since = Instant::now();
    let args = ["daemon", daemon, "--once"];
    assert!(
        Daemon::start(CYBEXP, &args, site).wait().success(),
        "{daemon}"
    );
    since.elapsed()
}

async fn submit(site: &Site, lines: &[String]) {
    for part in lines.chunks(500) {
        site.submit("cowrie", part.iter().map(String::as_str)).await;
    }
}

async fn pending(site: &Site) -> u64 {
    let mut pending = 0;
    for filter in FILTERS {
        pending += site.raws.count_pending(&filter.id()).await.unwrap();
    }
    pending
}

/// A configuration without the second stage, which waits for sessions to settle while it runs.
fn first_stage() -> Value {
    json!({"analytics": {"second_stage": false}})
}

/// Kills analytics while it writes, and returns the time after which another one has done all.
async fn take_over(name: &str, lines: &[String]) -> (Site, Duration) {
    let site = Site::new(name, first_stage()).await;
    submit(&site, lines).await;
    once(&site, "archive");
    // before, for to connect takes longer than to write
    let journal = site.collection("tahoe", "instance_journal").await;
    // a writer has begun to change events and is not done
    let is_writing = async || {
        let open = journal.find_one(doc! {"open": true}).await.unwrap();
        open.is_some()
    };
    let victim = start(&site, "analytics");
    let begun = Instant::now();
    while !is_writing().await {
        assert!(begun.elapsed() < Duration::from_secs(120));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    victim.kill();
    let since = Instant::now();
    println!("killed with an open note: {}", is_writing().await);
    assert!(pending(&site).await > 0);
    let successor = start(&site, "analytics");
    eventually("all is done", async || pending(&site).await == 0).await;
    let took = since.elapsed();
    assert!(successor.terminate().success());
    (site, took)
}

/// `WriteConflict`s with the transaction of a dead worker once held up its successor for a hundred seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_while_it_writes_is_followed_within_its_lease() {
    let lines = cowrie::records(9000, 1);
    let calm = Site::new("calm", first_stage()).await;
    submit(&calm, &lines).await;
    once(&calm, "archive");
    once(&calm, "analytics");
    let expected = calm.archive.census().await.unwrap();
    for name in ["one", "two"] {
        let (site, took) = take_over(name, &lines).await;
        println!("all was done {:.1} s after the kill", took.as_secs_f64());
        assert!(took < LEASE + WORK, "{took:?}");
        let rows = site.archive.census().await.unwrap();
        let differ = expected.iter().zip(&rows).find(|(calm, row)| calm != row);
        assert!(
            differ.is_none(),
            "undisturbed, and after a kill: {differ:#?}"
        );
        assert_eq!(expected.len(), rows.len());
        verified(CYBEXP, &site).await;
    }
}

/// An error of one filter once ended the step of all, and the wait after it grew to an hour.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_fails_does_not_stop_the_others() {
    let site = Site::new("apart", json!({})).await;
    let versions = site.collection("tahoe", "instance_filters").await;
    // another program's: MongoDB takes a text for greater than any version
    let broken = doc! {"_id": "misp", "version": "a text"};
    versions.insert_one(broken).await.unwrap();
    let daemons = ["archive", "analytics"].map(|daemon| start(&site, daemon));
    let misp = FILTERS
        .iter()
        .find(|filter| filter.name() == "misp")
        .unwrap();
    site.submit("misp_event", [misp_event(1, 3).as_str()]).await;
    let waiting = async || site.raws.count_pending(&misp.id()).await.unwrap();
    eventually("a raw waits for the filter that fails", async || {
        waiting().await == 1
    })
    .await;
    let lines = cowrie::records(60, 1);
    let mut done = 0;
    // the waits were 2, 4, 8, 16, 32 s
    for part in lines.chunks(10) {
        let since = Instant::now();
        submit(&site, part).await;
        done += part.len() as u64;
        eventually("the other filter works", async || {
            worked(&site).await == done
        })
        .await;
        let took = since.elapsed();
        println!("ten lines after {:.1} s", took.as_secs_f64());
        assert!(took < Duration::from_secs(12), "{took:?}");
    }
    assert_eq!(waiting().await, 1);
    versions.delete_one(doc! {"_id": "misp"}).await.unwrap();
    eventually("the filter works again", async || waiting().await == 0).await;
    for daemon in daemons {
        assert!(daemon.terminate().success());
    }
    verified(CYBEXP, &site).await;
}

/// The number of raws that the filter `cowrie` has read.
async fn worked(site: &Site) -> u64 {
    let instances = site.collection("tahoe", "instance").await;
    let read = doc! {"itype": "raw", "sub_type": "cowrie", "_todo": {"$exists": false}};
    instances.count_documents(read).await.unwrap()
}

/// The n-th MISP event, of so many attributes. All of them are different.
fn misp_event(n: usize, attributes: usize) -> String {
    let mut list = String::new();
    for of in 0..attributes {
        let comma = if of == 0 { "" } else { "," };
        let (high, low) = (of >> 16, of & 0xffff);
        let value = format!("2001:db8::{n:x}:{high:x}:{low:x}");
        let _ = write!(list, "{comma}{{\"type\":\"ip-dst\",\"value\":\"{value}\"}}");
    }
    format!(
        "{{\"Event\":{{\"uuid\":\"5f6e1c5e-0000-4000-8000-{n:012}\",\"info\":\"many\",\"date\":\"2024-03-01\",\
         \"timestamp\":\"1709287200\",\"Attribute\":[{list}]}}}}"
    )
}

/// A server with the least cache that MongoDB takes.
async fn small_server(folder: &tempfile::TempDir) -> Mongod {
    let options = Options {
        cache_gb: 0.25,
        ..Options::new(folder.path())
    };
    let started = tokio::task::spawn_blocking(move || mongo_local::start(&options));
    started.await.unwrap().unwrap()
}

/// Large events get in, and what waits with them too.
async fn gets_in(events: usize, attributes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let server = small_server(&folder).await;
    let site = Site::on(server.url(), "many", json!({})).await;
    for n in 1..=events {
        let event = misp_event(n, attributes);
        site.submit("misp_event", [event.as_str()]).await;
    }
    let sighting = r#"{"ipv4": "203.0.113.9"}"#;
    site.submit("sighting", [sighting]).await;
    submit(&site, &cowrie::records(500, 1)).await;
    let archived = once(&site, "archive");
    let analysed = once(&site, "analytics");
    println!(
        "{events} events of {attributes} attributes in a cache of 0.25 GB: archive {:.1} s, analytics {:.1} s",
        archived.as_secs_f64(),
        analysed.as_secs_f64()
    );
    let waiting = (
        pending(&site).await,
        site.cache.count_pending().await.unwrap(),
    );
    assert_eq!(waiting, (0, 0));
    assert_eq!(site.cache.refused(10).await.unwrap(), []);
    let instances = site.collection("tahoe", "instance").await;
    let refused = doc! {"_error": {"$exists": true}};
    assert_eq!(instances.count_documents(refused).await.unwrap(), 0);
    let values = doc! {"itype": "attribute", "sub_type": "ipv6"};
    let values = instances.count_documents(values).await.unwrap();
    assert_eq!(values, (events * attributes) as u64);
    // each is found by an event
    let mut referred = BTreeSet::new();
    let of = doc! {"itype": "event", "sub_type": "misp"};
    let mut found = instances.find(of).await.unwrap();
    while found.advance().await.unwrap() {
        let event: Document = found.current().try_into().unwrap();
        let hashes = event.get_array("_ref").unwrap().iter();
        referred.extend(hashes.map(|hash| format!("{hash:?}")));
    }
    assert!(referred.len() >= events * attributes, "{}", referred.len());
    verified(CYBEXP, &site).await;
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_many_attributes_gets_into_a_small_cache() {
    gets_in(1, 20_000).await;
}

/// `cargo test -p cybexp --test faults -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn an_event_of_very_many_attributes_gets_into_a_small_cache() {
    gets_in(1, 150_000).await;
}
