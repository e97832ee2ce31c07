//! The analytics daemon: takes raws from the archive, runs their filter, and writes the TAHOE graph.
//!
//! A raw is marked only when all its instances are stored, so a crash repeats a step and loses nothing: instances that
//! are written twice are found to exist. A raw that its filter refuses is marked with the reason.

mod batch;
mod line;
mod rest;

use std::time::Duration;

use cybexp_filters::FILTERS;
use cybexp_service::{
    DaemonContext, Servers, Step, WakeSignal, WorkOptions, Worker, open, work_loop,
};
use cybexp_store::{Archive, GraphWriter, Raws};
use metrics::{describe_counter, describe_gauge};

use line::{Line, LineStep};
use rest::Rest;

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
            let line = Line::open(filter, &raws, &graph).await?;
            lines.push((line, Rest::new(filter.name())));
        }
        Ok((raws.watch(), lines))
    });
    let Some((watch, lines)) = opened.await? else {
        return Ok(());
    };
    let once = ctx.once;
    let analyst = Analyst { lines, once };
    let options = WorkOptions {
        max_backoff: Duration::from_secs(ctx.config.analytics.max_backoff_s),
        ..WorkOptions::new(NAME)
    };
    work_loop(&ctx, analyst, WakeSignal::follow(watch), options).await
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
    lines: Vec<(Line, Rest)>,
    /// Whether a filter that fails is to end the daemon, after some tries.
    once: bool,
}

impl Worker for Analyst {
    /// Writes one part of each filter, so that no filter's backlog holds up the others. A filter that fails rests by itself.
    /// The step fails if all do, for then it is the database.
    async fn step(&mut self) -> anyhow::Result<Step> {
        let mut worked = 0;
        let mut wait: Option<Duration> = None;
        let mut any_good = false;
        let mut failed = Vec::new();
        for (line, rest) in &mut self.lines {
            if let Some(left) = rest.left() {
                wait = wait.into_iter().chain([left]).min();
                continue;
            }
            let step = match line.step().await {
                Ok(step) => step,
                Err(error) => {
                    failed.push((rest, error));
                    continue;
                }
            };
            rest.over();
            any_good = true;
            match step {
                LineStep::Worked(raws) => worked += raws,
                LineStep::Nothing(time) => wait = wait.into_iter().chain(time).min(),
            }
        }
        if (self.once || !any_good)
            && let Some((_, error)) = failed.pop()
        {
            return Err(error);
        }
        for (rest, error) in failed {
            let left = rest.failed(&error);
            wait = wait.into_iter().chain([left]).min();
        }
        match (worked, wait) {
            (0, None) => Ok(Step::Idle),
            (0, Some(wait)) => Ok(Step::Wait(wait)),
            (worked, _) => Ok(Step::Worked(worked)),
        }
    }
}
