//! Input, API, archive and analytics are killed at work, again and again, while records go through all of them in large
//! submissions: what is made is the same as if nothing had happened, nothing is missing, and nothing is there twice.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use bson::doc;
use cybexp_filters::FILTERS;
use cybexp_filters::second::SECOND_FILTERS;
use cybexp_store::CensusRow;
use cybexp_testkit::{Api, Daemon, Differences, Site, cowrie, free_ports, verified};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

const CYBEXP: &str = env!("CARGO_BIN_EXE_cybexp");
/// The daemons, in the order in which records go through them.
const DAEMONS: [&str; 4] = ["input", "api", "archive", "analytics"];
/// Time without any progress after which the rest counts as lost: leases of the dead end after half a minute.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn every_daemon_survives_kills_while_large_submissions_go_through() {
    survive(6_000, 2).await;
}

/// It takes minutes: `cargo test -p cybexp --test kills -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn the_same_with_ten_kills_of_each_during_100_000_records() {
    survive(100_000, 10).await;
}

async fn survive(records: usize, kills: usize) {
    let lines = cowrie::records(records, 3);
    let calm = run(&lines, 0).await;
    let killed = run(&lines, kills).await;
    let differences = Differences::of(&calm, &killed);
    differences.assert_none();
    eprintln!(
        "{} attributes and objects for the sweep",
        differences.more_nodes
    );
    let raws = killed.iter().filter(|row| row.itype == "raw").count();
    assert_eq!(raws, records);
}

/// Has the lines collected from a file that grows, while each daemon is killed this many times. Returns all documents.
async fn run(lines: &[String], kills: usize) -> Vec<CensusRow> {
    let since = Instant::now();
    let site = site().await;
    let log = site.folder.path().join("cowrie.json");
    let mut log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .unwrap();
    let mut rng = StdRng::seed_from_u64(5);
    let mut daemons = Vec::new();
    for daemon in DAEMONS {
        daemons.push(Some(start(daemon, &site).await));
    }
    let turns = kills * DAEMONS.len();
    let mut parts = lines.chunks(lines.len().div_ceil(turns.max(1)));
    for turn in 0..turns.max(1) {
        for line in parts.next().unwrap_or_default() {
            writeln!(log, "{line}").unwrap();
        }
        if turns == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(100..1200))).await;
        let victim = turn % DAEMONS.len();
        daemons[victim].take().unwrap().kill();
        daemons[victim] = Some(start(DAEMONS[victim], &site).await);
    }
    all_done(&site, lines.len() as u64).await;
    for daemon in daemons.into_iter().flatten() {
        assert!(daemon.terminate().success());
    }
    let entries = site.collection("cache", "file_entries").await;
    let many = doc! {"records": {"$gt": 1}};
    let many = entries.count_documents(many).await.unwrap();
    eprintln!(
        "{} records, {turns} kills, {many} submissions of many: {:.1} s",
        lines.len(),
        since.elapsed().as_secs_f64()
    );
    assert!(many > 0, "no submission held many records");
    assert_eq!(site.cache.refused(1).await.unwrap(), []);
    verified(CYBEXP, &site).await;
    site.archive.census().await.unwrap()
}

async fn site() -> Site {
    let [port] = free_ports();
    let input = json!({
        "name": "honeypot", "plugin": "file", "typetag": "cowrie", "orgid": "unr", "settings": {"path": "cowrie.json"},
    });
    let site = Site::new(
        "kills",
        json!({
            "api": {
                "url": format!("http://127.0.0.1:{port}/"), "listen": format!("127.0.0.1:{port}"),
                "token": {"file": "token"},
            },
            "input": {"run_dir": "run", "spool_dir": "spool", "inputs": [input]},
            // a session is read again and again while it grows: what was derived before it was complete is replaced, and
            // only the attributes of that stay for the sweep
            "analytics": {"session_settle_s": 1, "session_open_s": 1},
        }),
    )
    .await;
    let token = site.token(&site.user().await);
    std::fs::write(site.folder.path().join("token"), token).unwrap();
    site
}

async fn start(daemon: &str, site: &Site) -> Daemon {
    match daemon {
        "api" => Api::start(CYBEXP, &["daemon", "api"], site).await.daemon,
        _ => Daemon::start(CYBEXP, &["daemon", daemon], site),
    }
}

/// Waits until there is a raw of each record, and nothing is pending.
async fn all_done(site: &Site, records: u64) {
    let instances = site.collection("tahoe", "instance").await;
    let mut moved = (Instant::now(), (0, 0));
    loop {
        let typetag = doc! {"itype": "raw", "sub_type": "cowrie"};
        let raws = instances.count_documents(typetag).await.unwrap();
        let mut pending = site.cache.count_pending().await.unwrap();
        for filter in FILTERS {
            pending += site.raws.count_pending(&filter.id()).await.unwrap();
        }
        for filter in SECOND_FILTERS {
            let waiting = site.archive.count_waiting_sessions(filter.name()).await;
            pending += waiting.unwrap();
        }
        if raws >= records && pending == 0 {
            return;
        }
        if (raws, pending) != moved.1 {
            moved = (Instant::now(), (raws, pending));
        }
        let stuck = moved.0.elapsed() > PATIENCE;
        assert!(
            !stuck,
            "{raws} of {records} raws, {pending} pending: nothing moves"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
