//! Archive and analytics are killed at work, again and again; what they make is the same as if nothing had happened.
//!
//! `CYBEXP_CRASH_RECORDS` and `CYBEXP_CRASH_KILLS` set the size; the lease of a daemon that died ends after half a
//! minute, so no size is faster than that.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::env;
use std::time::{Duration, Instant};

use cybexp_filters::FILTERS;
use cybexp_filters::second::SECOND_FILTERS;
use cybexp_store::CensusRow;
use cybexp_testkit::{Daemon, Differences, Site, cowrie, eventually, verified};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

const CYBEXP: &str = env!("CARGO_BIN_EXE_cybexp");
const DAEMONS: [&str; 2] = ["archive", "analytics"];

#[tokio::test(flavor = "multi_thread")]
async fn daemons_killed_at_work_lose_nothing_and_repeat_nothing() {
    let (records, kills) = (
        size("CYBEXP_CRASH_RECORDS", 4000),
        size("CYBEXP_CRASH_KILLS", 8),
    );
    let lines = cowrie::records(records, 1);

    let since = Instant::now();
    let calm = undisturbed(&lines).await;
    eprintln!(
        "{records} records undisturbed: {:.1} s",
        since.elapsed().as_secs_f64()
    );

    let since = Instant::now();
    let (site, hits) = disturbed(&lines, kills).await;
    let took = since.elapsed().as_secs_f64();
    eprintln!("{records} records, {kills} kills, {hits} of them at work: {took:.1} s");
    assert!(
        hits * 4 > kills,
        "only {hits} of {kills} kills interrupted anything"
    );

    let rows = site.archive.census().await.unwrap();
    Differences::of(&calm, &rows).assert_none();
    verified(CYBEXP, &site).await;
    assert_eq!(
        rows.iter().filter(|row| row.itype == "raw").count(),
        records
    );
    let tally = site.archive.tally().await.unwrap();
    for derived in ["behaviour", "parent_domain"] {
        assert!(
            tally
                .iter()
                .any(|tally| tally.itype == "event" && tally.sub_type == derived),
            "{derived}"
        );
    }
    assert_eq!(site.cache.refused(1).await.unwrap(), []);
}

fn size(variable: &str, default: usize) -> usize {
    let given = env::var(variable).ok();
    given.map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{variable}={text}"))
    })
}

async fn undisturbed(lines: &[String]) -> Vec<CensusRow> {
    let site = Site::new("calm", json!({})).await;
    submit(&site, lines).await;
    for daemon in DAEMONS {
        assert!(
            Daemon::start(CYBEXP, &["daemon", daemon, "--once"], &site)
                .wait()
                .success()
        );
    }
    assert_eq!(pending(&site).await, 0);
    site.archive.census().await.unwrap()
}

/// Submits a part of the lines at first and one for each kill, so that there is always work to be interrupted. Returns the site, and the
/// number of kills that interrupted work.
async fn disturbed(lines: &[String], kills: usize) -> (Site, usize) {
    // sessions are read again and again while they grow, and in the end
    let soon = json!({"analytics": {"session_settle_s": 1, "session_open_s": 1}});
    let site = Site::new("crash", soon).await;
    let mut rng = StdRng::seed_from_u64(2);
    let start = |daemon| Daemon::start(CYBEXP, &["daemon", daemon], &site);
    let mut parts = lines.chunks(lines.len().div_ceil(kills + 1));
    // raws are there before analytics, which goes through the archive for each filter as it starts
    let first = parts.next().unwrap_or_default();
    submit(&site, first).await;
    assert!(
        Daemon::start(CYBEXP, &["daemon", "archive", "--once"], &site)
            .wait()
            .success()
    );
    let mut daemons = DAEMONS.map(|daemon| Some(start(daemon)));
    let mut dead = DAEMONS.map(|_| BTreeSet::new());
    let mut hits = 0;
    for kill in 0..kills {
        let victim = kill % DAEMONS.len();
        let holds = async || !lessees(&site, victim).await.is_subset(&dead[victim]);
        submit(&site, parts.next().unwrap_or_default()).await;
        eventually("the daemon is at work", holds).await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..150))).await;
        daemons[victim].take().unwrap().kill();
        // it would have given up its lease if it had no work
        hits += usize::from(holds().await);
        dead[victim].append(&mut lessees(&site, victim).await);
        daemons[victim] = Some(start(DAEMONS[victim]));
    }
    eventually("all is done", async || pending(&site).await == 0).await;
    for daemon in daemons.into_iter().flatten() {
        assert!(daemon.terminate().success());
    }
    (site, hits)
}

async fn submit(site: &Site, lines: &[String]) {
    for part in lines.chunks(500) {
        site.submit("cowrie", part.iter().map(String::as_str)).await;
    }
}

/// Returns the holders of leases in this daemon's queue: the daemon itself, and predecessors that died at work.
async fn lessees(site: &Site, daemon: usize) -> BTreeSet<String> {
    let lessees = match DAEMONS[daemon] {
        "archive" => site.cache.lessees().await,
        _ => site.archive.lessees().await,
    };
    lessees.unwrap()
}

async fn pending(site: &Site) -> u64 {
    let mut pending = site.cache.count_pending().await.unwrap();
    for filter in FILTERS {
        pending += site.raws.count_pending(&filter.id()).await.unwrap();
    }
    for filter in SECOND_FILTERS {
        let waiting = site.archive.count_waiting_sessions(filter.name()).await;
        pending += waiting.unwrap();
    }
    pending
}
