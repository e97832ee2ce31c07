//! `cybexp bench retention`: a year of records, all but the last month of which are removed beside a load of single records.
//!
//! The records go into the cache as the API would have stored them during the year, and archive and analytics make the graph
//! of them. The load is measured before the sweep begins, and while it runs, until nothing is left to remove. The sweep
//! deletes attributes, objects and sessions ten minutes after the last event that named them, so it takes that long at least.

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::ensure;
use cybexp_seal::Format;
use cybexp_service::{Config, read_public_key};
use cybexp_store::{NewEntry, Submission};
use cybexp_term::{self as term, BOLD};
use serde_json::{Value, json};
use tahoe_core::many::JoinedRecords;
use tokio::net::TcpListener;

use super::latency;
use super::suite::{self, BenchSuite, TYPETAG};
use crate::commands::bench::honeypots::Honeypots;
use crate::commands::clock::now;
use crate::commands::verify;
use crate::daemon::Daemon;

const CONFIG: &str = "config.json";
const DAYS: f64 = 365.0;
const KEEP_DAYS: f64 = 30.0;
const DAY_S: f64 = 86_400.0;
/// The rate of the load, in records a second.
const RATE: u32 = 200;
/// The most records of a submission.
const SUBMISSION_RECORDS: usize = 200;
/// The number of submissions that are stored at once.
const TOGETHER: usize = 50;
/// The longest time for which the sweep is watched.
const LONGEST: Duration = Duration::from_secs(2 * 3600);

#[derive(clap::Args)]
pub(crate) struct RetentionArgs {
    /// The number of records of the year, about
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    records: u64,
    /// The time of each measurement of the load, in seconds
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
    seconds: f64,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::commands::bench) async fn run(args: &RetentionArgs) -> anyhow::Result<ExitCode> {
    let mut suite = BenchSuite::start().await?;
    let measured = measure(&mut suite, args).await;
    suite.stop().await?;
    let figures = measured?;
    match args.json {
        true => anstream::println!("{}", term::json(&figures)),
        false => tables(&figures),
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(bench: &mut BenchSuite, args: &RetentionArgs) -> anyhow::Result<Value> {
    let end_s = now();
    let records = store_year(bench, args.records, end_s).await?;
    anstream::eprintln!("{records} records of {DAYS} days become a graph");
    for daemon in [Daemon::Archive, Daemon::Analytics] {
        bench.suite.children.once(daemon, 1)?;
        bench.suite.children.add(daemon)?;
    }
    let before = documents(bench).await?;
    let mut loads = 0..;
    let mut load = async |bench: &mut BenchSuite| {
        // each with records of its own
        let set = loads.next().unwrap_or_default();
        latency::measure(bench, RATE, args.seconds, set + 1).await
    };
    anstream::eprintln!("posting {RATE} single records a second");
    // the daemons warm up
    load(bench).await?;
    let undisturbed = load(bench).await?;

    anstream::eprintln!("beside it all but the last {KEEP_DAYS} days go");
    bench.suite.children.stop_daemon(Daemon::Archive);
    let metrics = configure(bench).await?;
    bench.suite.children.add(Daemon::Archive)?;
    let since = Instant::now();
    let mut beside = Vec::new();
    loop {
        let mut row = load(bench).await?;
        let raws = bench
            .archive
            .count_raws_before(TYPETAG, end_s - KEEP_DAYS * DAY_S);
        let raws = raws.await?;
        let noted = bench.archive.count_noted().await?;
        row["at_s"] = since.elapsed().as_secs_f64().into();
        row["raws_left"] = raws.into();
        row["noted"] = noted.into();
        beside.push(row);
        anstream::eprintln!("  {raws} raws left, {noted} rows to look at");
        if raws == 0 && noted == 0 {
            break;
        }
        ensure!(since.elapsed() < LONGEST, "the sweep does not end");
    }
    let took = since.elapsed().as_secs_f64();
    let removed = removed(&metrics).await?;
    bench.settled().await?;
    let config = Config::from_file(&bench.suite.folder.join(CONFIG))?;
    let report = verify::verified(&config).await?;
    let faults = report.found.iter();
    let faults: BTreeMap<&str, u64> = faults.map(|(kind, n)| (kind.as_str(), *n)).collect();
    Ok(json!({
        "records": records, "documents": before, "seconds": took, "removed": removed,
        "undisturbed": undisturbed, "beside": beside,
        "verified": report.documents(), "faults": faults,
    }))
}

/// Stores submissions as the API would have during the year before this time, in Unix seconds. Returns the number of records.
async fn store_year(bench: &BenchSuite, records: u64, end_s: f64) -> anyhow::Result<usize> {
    let key = read_public_key(&bench.suite.config.api.public_key)?;
    let mut honeypots = Honeypots::new(records).before(end_s, DAYS, records);
    let orgs = suite::orgs();
    let (mut stored, mut lines, mut submissions) = (0, Vec::new(), Vec::new());
    loop {
        let attack = honeypots.attack(&orgs);
        let ends = attack.end_s > end_s;
        if !ends {
            lines.extend(attack.records.iter().map(ToString::to_string));
        }
        if lines.len() >= SUBMISSION_RECORDS || (ends && !lines.is_empty()) {
            let mut joined = JoinedRecords::default();
            for line in &lines {
                joined.begin();
                joined.extend(line.as_bytes());
            }
            let entry = NewEntry {
                name: "bench".to_owned(),
                tags: bench.tags(),
                timestamp: attack.end_s.min(end_s),
                records: u32::try_from(lines.len()).ok().filter(|count| *count > 1),
            };
            let sealed = key.seal_owned(Format::Jwe, joined.into_bytes())?;
            submissions.push(Submission { entry, sealed });
            stored += lines.len();
            lines.clear();
        }
        if submissions.len() == TOGETHER || ends {
            bench.cache.submit(&submissions).await?;
            submissions.clear();
        }
        if ends {
            return Ok(stored);
        }
    }
}

/// Writes into the configuration how long raws are kept, and where archive shows its metrics. Returns the URL of these.
async fn configure(bench: &BenchSuite) -> anyhow::Result<String> {
    let listen = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let file = bench.suite.folder.join(CONFIG);
    let mut config: Value = serde_json::from_slice(&fs::read(&file)?)?;
    config["archive"]["keep"] = json!({TYPETAG: format!("{KEEP_DAYS}d")});
    config["metrics"]["archive"] = json!(listen.to_string());
    fs::write(&file, config.to_string())?;
    Ok(format!("http://{listen}/metrics"))
}

/// Returns the numbers of what archive says it has removed, by kind.
async fn removed(metrics: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let text = reqwest::get(metrics)
        .await?
        .error_for_status()?
        .text()
        .await?;
    let counts = text.lines().filter_map(|line| {
        let (kind, count) = line
            .strip_prefix("cybexp_archive_swept_total{kind=\"")?
            .split_once("\"} ")?;
        Some((kind.to_owned(), count.parse().ok()?))
    });
    Ok(counts.collect())
}

/// Returns the number of instances in the archive.
async fn documents(bench: &BenchSuite) -> anyhow::Result<i64> {
    let tally = bench.archive.tally().await?;
    Ok(tally.iter().map(|tally| tally.count).sum())
}

fn tables(figures: &Value) {
    anstream::println!(
        "{BOLD}{} records of a year, {} documents{BOLD:#}",
        figures["records"],
        figures["documents"],
    );
    let mut table = term::table(&["removed", "number"]);
    for (kind, count) in figures["removed"].as_object().into_iter().flatten() {
        table.add_row([kind.clone(), count.to_string()]);
    }
    term::align_right(&mut table, 1);
    anstream::println!("{table}");
    let header = [
        "s",
        "raws left",
        "rows to look at",
        "posted /s",
        "p50 ms",
        "p99 ms",
    ];
    let mut table = term::table(&header);
    let mut add = |row: &Value| {
        let cells = [
            "at_s",
            "raws_left",
            "noted",
            "posted_per_s",
            "p50_ms",
            "p99_ms",
        ];
        table.add_row(cells.map(|cell| {
            row[cell]
                .as_f64()
                .map_or(String::new(), |n| format!("{n:.0}"))
        }));
    };
    add(&figures["undisturbed"]);
    figures["beside"]
        .as_array()
        .into_iter()
        .flatten()
        .for_each(&mut add);
    (0..header.len()).for_each(|column| term::align_right(&mut table, column));
    anstream::println!("{table}");
    anstream::println!(
        "verified {} documents; found {}",
        figures["verified"],
        figures["faults"],
    );
}
