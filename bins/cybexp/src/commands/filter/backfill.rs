//! `cybexp filter backfill`: runs a second-stage filter over what is in the archive.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::builder::PossibleValuesParser;
use cybexp_analytics::{BackfillStep, Backfiller};
use cybexp_filters::second::{Networks, SECOND_FILTERS, Source};
use cybexp_service::Config;
use cybexp_store::Archive;
use indicatif::{ProgressBar, ProgressStyle};

use super::super::databases::server;
use cybexp_term::GREEN;

/// Parts of the progress bar.
const PARTS: u64 = 1000;
/// The time between two looks at the progress of another worker.
const LOOK: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
pub(crate) struct BackfillArgs {
    /// The filter of the second stage
    #[arg(value_parser = names())]
    name: String,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(SECOND_FILTERS.iter().map(|filter| filter.name()))
}

/// Goes through the whole archive; through the rest of it where a filter was stopped on its way. Where a daemon is at it
/// already, shows how far it is.
pub(super) async fn run(args: &BackfillArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let mut filters = SECOND_FILTERS.iter().copied();
    let filter = filters
        .find(|filter| filter.name() == args.name)
        .context("the filter is one of the list")?;
    let networks = Networks::load(&config.analytics.geoip).context("analytics.geoip")?;
    let db = config.analytics_db()?;
    let server = server(&db, "tahoe.mongo_url").await?;
    let archive = Archive::open(&server, &db.db, &db.coll).await?;
    let Some(mut backfiller) = Backfiller::open(filter, &archive, networks).await? else {
        bail!(
            "the filter {} rests: no database of networks is named in analytics.geoip (`cybexp geoip fetch` installs some)",
            filter.name()
        );
    };
    backfiller.restart().await?;
    let bar = ProgressBar::new(PARTS);
    let style = "{bar:30} {percent}% of the archive, {eta} left: {msg}";
    bar.set_style(ProgressStyle::with_template(style)?);
    bar.set_message(backfiller.id().to_owned());
    let mut read = 0;
    loop {
        match backfiller.step().await? {
            BackfillStep::Page(items) => read += items,
            BackfillStep::Done => break,
            BackfillStep::NotOurs => tokio::time::sleep(LOOK).await,
        }
        let progress = backfiller.progress().await?;
        let progress = progress.context("the filter's progress is gone")?;
        if progress.id != backfiller.id() {
            bail!(
                "a worker runs {}, which is another version than {}: backfill with the same program and the same data files",
                progress.id,
                backfiller.id()
            );
        }
        if progress.done {
            break;
        }
        bar.set_position((progress.share * PARTS as f64) as u64);
    }
    bar.finish_and_clear();
    let told = match filter.source() {
        Source::Attributes(_) => format!("{read} attributes read by {}", backfiller.id()),
        Source::Sessions(_) => format!(
            "{read} sessions wait for {}, which analytics runs",
            backfiller.id()
        ),
    };
    anstream::println!("{GREEN}✓{GREEN:#} {told}");
    Ok(ExitCode::SUCCESS)
}
