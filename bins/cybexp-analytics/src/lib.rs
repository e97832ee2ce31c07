//! The analytics daemon: takes raws from the archive, runs their filter, and writes the TAHOE graph.
//!
//! A raw is marked only when all its instances are stored, so a crash repeats a step and loses nothing: instances that
//! are written twice are found to exist. A raw that its filter refuses is marked with the reason.

mod batch;
mod keeper;
mod line;

use std::time::Duration;

use cybexp_filters::FILTERS;
use cybexp_service::{
    DaemonContext, Servers, Step, WakeSignal, WorkOptions, Worker, open, work_loop,
};
use cybexp_store::{Archive, GraphWriter, Raws};
use metrics::{describe_counter, describe_gauge};

use line::{Line, LineStep};

pub use batch::{BatchOutcome, TakenRaws, run_filter};

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "analytics";

/// Runs until asked to stop, or with `--once` until nothing is pending.
pub async fn run(ctx: DaemonContext) -> anyhow::Result<()> {
    describe();
    let opened = open(&ctx, || async {
        let mut servers = Servers::new(&ctx);
        let db = ctx.config.analytics_db()?;
        let archive = Archive::open(&servers.of(&db).await?, &db.db, &db.coll).await?;
        let (raws, graph) = (Raws::new(&archive), GraphWriter::new(&archive));
        let mut lines = Vec::new();
        for &filter in FILTERS {
            lines.push(Line::open(filter, &raws, &graph).await?);
        }
        Ok((archive, raws.watch(), lines))
    });
    let Some((archive, watch, lines)) = opened.await? else {
        return Ok(());
    };
    let analyst = Analyst { lines };
    let options = WorkOptions {
        max_backoff: Duration::from_secs(ctx.config.analytics.max_backoff_s),
        ..WorkOptions::new(NAME)
    };
    let kept = archive.clone();
    let keeper = (!ctx.once).then(|| tokio::spawn(keeper::keep(kept, ctx.shutdown.clone())));
    work_loop(&ctx, analyst, WakeSignal::follow(watch), options).await?;
    match keeper {
        Some(keeper) => keeper.await?,
        None => keeper::walk(&archive).await?,
    }
    Ok(())
}

fn describe() {
    describe_counter!(
        "cybexp_analytics_raws_total",
        "raws by filter and outcome: done or refused"
    );
    describe_counter!(
        "cybexp_analytics_instances_total",
        "instances by outcome: new or known"
    );
    describe_counter!(
        "cybexp_analytics_unknown_total",
        "records that make no event, by event ID"
    );
    describe_counter!(
        "cybexp_analytics_left_out_total",
        "parts of raws that were left out while the rest was read, by why"
    );
    describe_counter!(
        "cybexp_analytics_replaced_total",
        "events of an earlier version of a filter that were removed, as no raw makes them any more"
    );
    describe_gauge!(
        "cybexp_analytics_lag_seconds",
        "age of the oldest raw of the batch in hand"
    );
}

struct Analyst {
    lines: Vec<Line>,
}

impl Worker for Analyst {
    /// Writes one part of each filter, so that no filter's backlog holds up the others. An error of one filter does not
    /// keep the others from their part.
    async fn step(&mut self) -> anyhow::Result<Step> {
        let mut worked = 0;
        let mut wait: Option<Duration> = None;
        let mut failed = None;
        for line in &mut self.lines {
            match line.step().await {
                Ok(LineStep::Worked(raws)) => worked += raws,
                Ok(LineStep::Nothing(time)) => wait = wait.into_iter().chain(time).min(),
                Err(error) => failed = Some(error),
            }
        }
        match (failed, worked, wait) {
            (Some(error), ..) => Err(error),
            (None, 0, None) => Ok(Step::Idle),
            (None, 0, Some(wait)) => Ok(Step::Wait(wait)),
            (None, worked, _) => Ok(Step::Worked(worked)),
        }
    }
}
