//! Measures how fast analytics makes a graph of honeypot records, beside a client that only writes the same documents, and
//! beside itself without the second stage.
//! `CYBEXP_BENCH_RECORDS` and `CYBEXP_BENCH_ROUNDS` set the size.

#![allow(clippy::print_stdout)]

use std::env;
use std::time::{Duration, Instant};

use cybexp_filters::readers;
use cybexp_store::{Archive, Server};
use cybexp_testkit::{Daemon, Site, cowrie, mongo_url, unique};
use serde_json::json;
use tahoe_core::{OrgId, Raw, SubType, Timestamp};

const ANALYTICS: &str = env!("CARGO_BIN_EXE_cybexp-analytics");

#[tokio::main]
async fn main() {
    let records = size("CYBEXP_BENCH_RECORDS", 20_000);
    let rounds = size("CYBEXP_BENCH_ROUNDS", 3);
    let lines = cowrie::records(records, 1);
    println!("{records} honeypot records, {rounds} rounds; times in seconds");
    println!("start-up  analytics   raws/s  documents  refs known    bare   docs/s  ratio  stage");
    let (mut all, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        // one after the other, so that both meet the same machine
        let first = Round::run(&lines, false).await;
        println!("{}", first.line(records));
        let round = Round::run(&lines, true).await;
        println!("{}", round.line(records));
        ratios.push(round.analytics.as_secs_f64() / first.analytics.as_secs_f64());
        all.push(round);
    }
    all.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    println!("the round with the median ratio of analytics to bare:");
    println!("{}", all[all.len() / 2].line(records));
    ratios.sort_by(f64::total_cmp);
    println!(
        "with the second stage it takes {:.2} times as long (median)",
        ratios[ratios.len() / 2]
    );
}

fn size(variable: &str, default: usize) -> usize {
    let given = env::var(variable).ok();
    given.map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{variable}={text}"))
    })
}

struct Round {
    second_stage: bool,
    start_up: Duration,
    /// The time of the work alone, without the start-up.
    analytics: Duration,
    bare: Duration,
    documents: usize,
    /// The share of the raws' references that an earlier raw has, too.
    known: f64,
}

impl Round {
    async fn run(lines: &[String], second_stage: bool) -> Self {
        let more = json!({"analytics": {"second_stage": second_stage}});
        let site = Site::new("bench", more).await;
        // the indexes are made, and the program is in the memory of the machine
        once(&site);
        let start_up = once(&site);
        fill(&site, lines).await;
        let analytics = once(&site).saturating_sub(start_up);

        let documents = site
            .archive
            .read_bare()
            .await
            .expect("the archive can be read");
        let server = Server::connect(mongo_url(), "cybexp-bench")
            .await
            .expect("a valid URL");
        let bare = Archive::open(&server, &unique("bench_bare"), "instance").await;
        let bare = bare.expect("the second archive opens");
        let since = Instant::now();
        bare.insert_bare(&documents)
            .await
            .expect("the documents are written");
        Self {
            second_stage,
            start_up,
            analytics,
            bare: since.elapsed(),
            documents: documents.len(),
            known: known(&site).await,
        }
    }

    fn ratio(&self) -> f64 {
        self.analytics.as_secs_f64() / self.bare.as_secs_f64()
    }

    fn line(&self, records: usize) -> String {
        let (analytics, bare) = (self.analytics.as_secs_f64(), self.bare.as_secs_f64());
        format!(
            "{:8.2} {:10.2} {:8.0} {:10} {:10.0}% {:7.2} {:8.0} {:6.2}  {}",
            self.start_up.as_secs_f64(),
            analytics,
            records as f64 / analytics,
            self.documents,
            self.known * 100.0,
            bare,
            self.documents as f64 / bare,
            self.ratio(),
            if self.second_stage { "both" } else { "first" },
        )
    }
}

/// Runs the daemon until nothing is pending and returns the time from its start to its end.
fn once(site: &Site) -> Duration {
    let since = Instant::now();
    let status = Daemon::start(ANALYTICS, &["--once"], site).wait();
    assert!(status.success(), "{status}");
    since.elapsed()
}

/// Stores the raws that the archive daemon would make of these lines.
async fn fill(site: &Site, lines: &[String]) {
    let sub_type = SubType::new("cowrie").expect("an identifier");
    let orgid = OrgId::new(&site.orgid.to_string()).expect("an orgid");
    let at = Timestamp::new(1_700_000_000.5).expect("finite");
    let raws: Vec<Raw> = lines
        .iter()
        .map(|line| {
            let data = serde_json::from_str(line).expect("a line is JSON");
            let raw = Raw::new(
                sub_type.clone(),
                data,
                orgid.clone(),
                "UTC".to_owned(),
                Some(at),
            );
            raw.expect("a record fits into a raw")
        })
        .collect();
    // in batches as the archive's: raws are taken in the order in which they were stored
    for part in raws.chunks(500) {
        let written = site.raws.write(part, readers).await;
        written.expect("the raws are stored");
    }
}

async fn known(site: &Site) -> f64 {
    let rows = site
        .archive
        .census()
        .await
        .expect("the archive can be read");
    let raws = rows.iter().filter(|row| row.itype == "raw").count();
    let refs: usize = rows
        .iter()
        .filter(|row| row.itype == "raw")
        .map(|raw| raw.refs.len())
        .sum();
    1.0 - (rows.len() - raws) as f64 / refs as f64
}
