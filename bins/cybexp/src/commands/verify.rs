//! `cybexp verify`: reads the databases, and proves that nothing is lost, there twice, or names what is not there.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use cybexp_analytics::run_filter;
use cybexp_filters::second::SECOND_FILTERS;
use cybexp_filters::{FILTERS, readers};
use cybexp_service::{Config, EXIT_FAILED};
use cybexp_store::{
    Archive, Cache, FaultKind, Feeds, Remaker, StoreError, Verification, VerifyOptions,
    VerifyProgress, VerifyReport,
};
use cybexp_term::{self as term, DIM, GREEN, RED, YELLOW};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::clock::now;
use super::databases;

/// Time between two times at which the state is kept.
const KEPT: Duration = Duration::from_secs(30);
/// Tries of a step while the server is away, and the wait between them.
const TRIES: u32 = 30;
const WAIT: Duration = Duration::from_secs(2);

/// Defaults of `--show` and `--settle`.
const SHOWN: usize = 10;
const SETTLE_S: f64 = 5.0;

#[derive(clap::Args)]
pub(crate) struct VerifyArgs {
    /// Read only this many documents of each kind, at random
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
    /// Keep the state in this file, and go on from it where an earlier run was stopped
    #[arg(long, value_name = "FILE", conflicts_with = "sample")]
    state: Option<PathBuf>,
    /// Do not run the filters once more to see whether all that raws make is there
    #[arg(long)]
    quick: bool,
    /// Repair what follows from the archive: rows of values, tables of hours, feeds, what only takes room
    #[arg(long)]
    repair: bool,
    /// The most faults of each kind that are shown
    #[arg(long, value_name = "NUMBER", default_value_t = SHOWN)]
    show: usize,
    /// Seconds after which what seemed wrong is looked at again, since others may have been at it
    #[arg(long, value_name = "SECONDS", default_value_t = SETTLE_S)]
    settle: f64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &VerifyArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let options = options(args, config).await?;
    let kept = match &args.state {
        Some(file) => read(file)?,
        None => None,
    };
    if kept.is_some() {
        anstream::eprintln!("{DIM}going on where an earlier run was stopped{DIM:#}");
    }
    let begun = Instant::now();
    let mut verification = Verification::open(options, kept.as_deref()).await?;
    let before = verification.report().documents();
    let stopped = through(&mut verification, args.state.as_deref()).await?;
    if stopped {
        anstream::eprintln!("stopped: the same command goes on from here");
        return Ok(ExitCode::from(EXIT_FAILED));
    }
    if let Some(file) = &args.state {
        remove(file)?;
    }
    let report = verification.report();
    let read = report.documents() - before;
    let took = begun.elapsed().as_secs_f64();
    match args.json {
        true => anstream::println!("{}", term::json(&json_of(report, args.sample, took))),
        false => print(report, args.sample.is_some()),
    }
    anstream::eprintln!(
        "{read} documents in {took:.1} s, {:.0} a second",
        read as f64 / took.max(0.001)
    );
    Ok(match report.is_right() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_FAILED),
    })
}

/// Verifies all, and returns what was found.
pub(super) async fn verified(config: &Config) -> anyhow::Result<VerifyReport> {
    let args = VerifyArgs {
        sample: None,
        state: None,
        quick: false,
        repair: false,
        show: SHOWN,
        settle: SETTLE_S,
        json: false,
    };
    let mut verification = Verification::open(options(&args, config).await?, None).await?;
    through(&mut verification, None).await?;
    Ok(verification.report().clone())
}

async fn options(args: &VerifyArgs, config: &Config) -> anyhow::Result<VerifyOptions> {
    let place = config.analytics_db()?;
    let server = databases::server(&place, "tahoe.mongo_url").await?;
    let archive = Archive::open(&server, &place.db, &place.coll).await?;
    let place = config.cache_db()?;
    let server = databases::server(&place, "cache.mongo_url").await?;
    let cache = Cache::open(&server, &place.db, &place.coll).await?;
    let place = config.report_db()?;
    let server = databases::server(&place, "report.mongo_url").await?;
    let feeds = Feeds::open(&server, &place.db).await?;
    let kept = config.archive.keep.iter();
    let kept = kept.filter(|(_, keep)| keep.seconds().is_some());
    Ok(VerifyOptions {
        cache: Some(cache),
        feeds: Some(feeds),
        readers,
        second: SECOND_FILTERS.iter().map(|filter| filter.name()).collect(),
        kept: kept.map(|(typetag, _)| typetag.clone()).collect(),
        remake: (!args.quick).then(remaker),
        sample: args.sample,
        repair: args.repair,
        most_shown: args.show,
        settle: Duration::try_from_secs_f64(args.settle).context("--settle")?,
        ..VerifyOptions::of(&archive, now)
    })
}

/// Returns what runs a filter once more.
fn remaker() -> Remaker {
    Arc::new(|id, raw, take| {
        let Some(filter) = FILTERS.iter().find(|filter| filter.id() == id) else {
            return false;
        };
        run_filter(*filter, std::iter::once(Ok(raw)), &mut |part| {
            take(part.graph);
            ControlFlow::Continue(())
        });
        true
    })
}

/// Runs a verification with a progress bar, and keeps its state. Returns whether it was stopped.
async fn through(verification: &mut Verification, state: Option<&Path>) -> anyhow::Result<bool> {
    let bar = ProgressBar::no_length();
    let style = "{bar:30} {human_pos} of about {human_len} documents, {per_sec}, {eta} left: {msg}";
    bar.set_style(ProgressStyle::with_template(style)?);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.set_position(verification.report().documents());
    bar.reset_eta();
    let stop = Arc::new(AtomicBool::new(false));
    if state.is_some() {
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.store(true, Ordering::Relaxed);
            }
        });
    }
    let mut kept = Instant::now();
    while let Some(progress) = step(verification, &bar).await? {
        bar.set_length(progress.total.max(progress.read));
        bar.set_position(progress.read);
        bar.set_message(match progress.faults {
            0 => progress.doing.to_owned(),
            faults => format!("{} ({faults} seem wrong)", progress.doing),
        });
        let stops = stop.load(Ordering::Relaxed);
        if let Some(file) = state
            && (stops || kept.elapsed() >= KEPT)
        {
            keep(file, &verification.state()?)?;
            kept = Instant::now();
        }
        if stops {
            bar.finish_and_clear();
            return Ok(true);
        }
    }
    bar.finish_and_clear();
    Ok(false)
}

/// Does a step, and waits while the server is away.
async fn step(
    verification: &mut Verification,
    bar: &ProgressBar,
) -> Result<Option<VerifyProgress>, StoreError> {
    let mut tries = 0;
    loop {
        match verification.step().await {
            Err(error) if error.is_away() && tries < TRIES => {
                tries += 1;
                bar.set_message("waiting for the database");
                tokio::time::sleep(WAIT).await;
            }
            done => return done,
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Keeps a state: a whole one takes the place of the last one.
fn keep(file: &Path, state: &[u8]) -> anyhow::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    std::fs::write(&new, state).with_context(|| format!("cannot write {}", new.display()))?;
    std::fs::rename(&new, file).with_context(|| format!("cannot write {}", file.display()))
}

fn remove(file: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}

fn print(report: &VerifyReport, is_sample: bool) {
    let mut table = term::table(&["", "number"]);
    let told = report.read.iter().chain(&report.told);
    for (what, count) in told {
        table.add_row([what.clone(), count.to_string()]);
    }
    term::align_right(&mut table, 1);
    anstream::println!("{table}");
    for (kind, count) in &report.found {
        let mark = match kind.is_harmless() {
            true => format!("{YELLOW}!{YELLOW:#}"),
            false => format!("{RED}✗{RED:#}"),
        };
        let repaired = match report.repaired.get(kind) {
            Some(repaired) => format!(", {repaired} repaired"),
            None => String::new(),
        };
        let name = kind.as_str();
        anstream::println!("{mark} {name}: {count}{repaired}");
        for fault in report.shown.iter().filter(|fault| fault.kind == *kind) {
            let told = term::line(&format!("{}: {}", fault.id, fault.words));
            anstream::println!("  {}", term::wrapped(&told, 2, 4));
        }
    }
    let mendable = |kind: &FaultKind| kind.is_mendable() && !report.repaired.contains_key(kind);
    if report.found.keys().any(mendable) {
        anstream::println!(
            "{DIM}`cybexp verify --repair` makes right what follows from the archive{DIM:#}"
        );
    }
    match (report.wrong(), is_sample) {
        (0, false) => anstream::println!("{GREEN}✓{GREEN:#} all is right"),
        (0, true) => anstream::println!("{GREEN}✓{GREEN:#} all that was looked at is right"),
        (wrong, _) => anstream::println!("{RED}✗{RED:#} {wrong} wrong"),
    }
}

fn json_of(report: &VerifyReport, sample: Option<u64>, took: f64) -> Value {
    let kinds = report.found.iter().map(|(kind, count)| {
        let of_kind = report.shown.iter().filter(|fault| fault.kind == *kind);
        let shown = of_kind.map(|fault| json!({"id": fault.id, "words": fault.words}));
        let about = json!({
            "count": count, "repaired": report.repaired.get(kind).copied().unwrap_or(0),
            "harmless": kind.is_harmless(), "shown": shown.collect::<Vec<_>>(),
        });
        (kind.as_str().to_owned(), about)
    });
    json!({
        "right": report.is_right(),
        "sample": sample,
        "seconds": (took * 10.0).round() / 10.0,
        "read": report.read,
        "told": report.told,
        "faults": kinds.collect::<serde_json::Map<_, _>>(),
    })
}
