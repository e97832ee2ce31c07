//! `cybexp bench pipeline`: sealed submissions become raws and a graph, on a MongoDB that vanishes afterwards.
//!
//! For each number of workers a new suite is started. First each stage works alone on the same records: the API takes
//! them, archive daemons open them, analytics daemons make the graph. Then other records go through all stages at once.

mod alone;
mod latency;
pub(super) mod retention;
mod show;
mod suite;
mod together;

use std::process::ExitCode;

use serde_json::{Value, json};

use suite::BenchSuite;

/// The rates at which single records are posted, in records a second.
const RATES: [u32; 3] = [10, 200, 1000];

#[derive(clap::Args)]
pub(crate) struct PipelineArgs {
    /// The number of records for each figure
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    records: usize,
    /// The numbers of archive and of analytics daemons
    #[arg(long, value_delimiter = ',', default_value = "1,2,4", value_name = "N")]
    workers: Vec<usize>,
    /// The time for which records are posted at each rate, in seconds
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    seconds: f64,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &PipelineArgs) -> anyhow::Result<ExitCode> {
    let mut rows = Vec::new();
    let mut beside = json!({});
    for (n, workers) in args.workers.iter().copied().enumerate() {
        let mut suite = BenchSuite::start().await?;
        let measured = measure(&mut suite, args, workers, n == 0).await;
        suite.stop().await?;
        let (row, more) = measured?;
        rows.push(row);
        if let Some(more) = more {
            beside = more;
        }
    }
    let figures = json!({"records": args.records, "workers": rows, "beside": beside});
    match args.json {
        true => anstream::println!("{}", cybexp_term::json(&figures)),
        false => show::tables(&figures),
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures with this many workers. The baselines and latencies are measured once.
async fn measure(
    suite: &mut BenchSuite,
    args: &PipelineArgs,
    workers: usize,
    is_first: bool,
) -> anyhow::Result<(Value, Option<Value>)> {
    anstream::eprintln!("{workers} archive and {workers} analytics daemons");
    let lines = suite::lines(args.records, 0);
    let alone = alone::measure(suite, &lines, workers).await?;
    let baselines = match is_first {
        true => Some(alone::baselines(suite, &lines).await?),
        false => None,
    };
    let together = together::measure(suite, &suite::lines(args.records, 1), workers).await?;
    let mut beside = None;
    if let Some(mut baselines) = baselines {
        let mut latencies = Vec::new();
        for (n, rate) in RATES.into_iter().enumerate() {
            anstream::eprintln!("posting {rate} single records a second");
            latencies.push(latency::measure(suite, rate, args.seconds, n as u64 + 2).await?);
        }
        baselines["latency"] = latencies.into();
        beside = Some(baselines);
    }
    let row = json!({"workers": workers, "alone": alone, "together": together});
    Ok((row, beside))
}
