//! `cybexp bench`: measures reports, and the way from submissions to the graph, on this machine, beside the bare database.

mod archive;
mod derived;
mod honeypots;
mod memory;
mod pipeline;
mod questions;
mod show;
mod storm;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Subcommand;
use cybexp_report::Engine;
use cybexp_service::Config;
use serde_json::{Value, json};

use archive::Bench;
use memory::MemoryWatch;
use questions::BenchQuestion;

/// The numbers of clients that ask at once.
const AT_ONCE: [usize; 3] = [1, 8, 64];

#[derive(Subcommand)]
pub(crate) enum BenchCommand {
    /// Measure reports on a made-up honeypot archive, beside the one ideal lookup of a bare client
    Report(BenchReportArgs),
    /// Measure the way from submissions to the graph, each stage alone and all together, beside the bare database
    Pipeline(pipeline::PipelineArgs),
    /// Measure what removing old data costs a load that runs beside it; takes half an hour
    Retention(pipeline::retention::RetentionArgs),
}

#[derive(clap::Args)]
pub(crate) struct BenchReportArgs {
    /// The number of events in the archive
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    events: u64,
    /// The time for which each question is asked, in seconds
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    seconds: f64,
    /// Ask only the questions whose names hold this
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    only: String,
    /// Keep the archive in this folder, and reuse the one that an earlier run left there
    #[arg(long, value_name = "FOLDER", conflicts_with = "configured")]
    data: Option<PathBuf>,
    /// Use the server of tahoe.mongo_url, with new databases that are dropped afterwards, instead of a MongoDB of its own
    #[arg(long)]
    configured: bool,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(
    action: BenchCommand,
    config: impl FnOnce() -> Result<Config, cybexp_service::ConfigError>,
) -> anyhow::Result<ExitCode> {
    let args = match action {
        BenchCommand::Report(args) => args,
        BenchCommand::Pipeline(args) => return pipeline::run(&args).await,
        BenchCommand::Retention(args) => return pipeline::retention::run(&args).await,
    };
    let config = if args.configured {
        Some(config()?)
    } else {
        None
    };
    let bench = Bench::open(config.as_ref(), args.data.as_deref(), args.events).await?;
    let measured = measure(&bench, &args).await;
    bench.close().await?;
    let figures = measured?;
    match args.json {
        true => anstream::println!("{}", cybexp_term::json(&figures)),
        false => show::tables(&figures),
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(bench: &Bench, args: &BenchReportArgs) -> anyhow::Result<Value> {
    let engine = bench.engine();
    let mut cases = questions::cases(args.events);
    cases.retain(|case| case.name.contains(&args.only));
    ensure!(
        !cases.is_empty(),
        "no question's name holds {:?}",
        args.only
    );
    let mut rows = Vec::new();
    for case in &cases {
        anstream::eprintln!("asking: {}", case.name);
        let row = ask(bench, &engine, case, args);
        rows.push(row.await.with_context(|| case.name.clone())?);
    }
    anstream::eprintln!("asking everything, {} at once", AT_ONCE[2]);
    let watched = MemoryWatch::begin();
    let mixed = {
        let (engine, cases, userid) = (engine.clone(), cases.clone(), bench.userid());
        storm::run(
            AT_ONCE[2],
            Duration::from_secs_f64(args.seconds * 2.0),
            move |turn| {
                let (engine, userid) = (engine.clone(), userid.clone());
                let case = cases[turn % cases.len()].clone();
                async move { case.ask(&engine, &userid).await.map(drop) }
            },
        )
        .await?
    };
    Ok(json!({
        "events": args.events,
        "cases": rows,
        "mixed": mixed.json(),
        "memory": watched.end().await,
    }))
}

/// Measures all figures of one question.
async fn ask(
    bench: &Bench,
    engine: &Engine,
    case: &BenchQuestion,
    args: &BenchReportArgs,
) -> anyhow::Result<Value> {
    let (userid, visible) = (bench.userid(), bench.visible());
    // one that remembers nothing of the other questions
    let cold = bench.engine();
    let since = Instant::now();
    let first = case.ask(&cold, &userid).await?;
    let first_ms = since.elapsed().as_secs_f64() * 1e3;
    case.ask(engine, &userid).await?;
    let before = bench.server.reads().await?;
    case.ask(engine, &userid).await?;
    let after = bench.server.reads().await?;
    let time = Duration::from_secs_f64(args.seconds);
    let mut at_once = Vec::new();
    for n in AT_ONCE {
        let bare = {
            let (archive, case, visible) = (bench.archive.clone(), case.clone(), visible.clone());
            storm::run(n, time, move |_| {
                let (archive, case, visible) = (archive.clone(), case.clone(), visible.clone());
                async move { case.bare(&archive, &visible).await }
            })
            .await?
        };
        let ours = {
            let (engine, case, userid) = (engine.clone(), case.clone(), userid.clone());
            storm::run(n, time, move |_| {
                let (engine, case, userid) = (engine.clone(), case.clone(), userid.clone());
                async move { case.ask(&engine, &userid).await.map(drop) }
            })
            .await?
        };
        at_once.push(json!({
            "at_once": n, "report": ours.json(), "bare": bare.json(), "ratio": ours.p50 / bare.p50,
        }));
    }
    Ok(json!({
        "name": case.name,
        "answer": case.told(&first),
        "first_ms": first_ms,
        "keys": after.keys - before.keys,
        "documents": after.documents - before.documents,
        "figures": at_once,
    }))
}
