//! The analytics daemon: takes raws from the archive, runs their filter, and writes the TAHOE graph.
//!
//! A raw is marked only when all its instances are stored, so a crash repeats a step and loses nothing: instances that
//! are written twice are found to exist. A raw that its filter refuses is marked with the reason.

mod batch;
mod judge;
mod line;
mod parts;
mod second;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use cybexp_filters::second::{Networks, SECOND_FILTERS, SecondFilter};
use cybexp_filters::{FILTERS, Filter};
use cybexp_service::{
    Config, DaemonContext, Servers, Step, WakeSignal, WorkOptions, Worker, open, work_loop,
};
use cybexp_store::{Archive, GraphWriter, Raws, SecondStage};
use metrics::{describe_counter, describe_gauge};

use judge::Judge;
use line::{Line, LineStep};
use second::{SecondStageWork, StageStep, second_stage};

pub use batch::{BatchOutcome, Part, TakenRaws, Unfinished, run_filter};
pub use second::{BackfillStep, Backfiller};

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "analytics";

/// Runs until asked to stop, or with `--once` until nothing is pending.
pub async fn run(ctx: DaemonContext) -> anyhow::Result<()> {
    let second = match ctx.config.analytics.second_stage {
        true => SECOND_FILTERS,
        false => &[],
    };
    run_with(ctx, FILTERS, second).await
}

/// Runs with these filters of the first and the second stage.
pub async fn run_with(
    ctx: DaemonContext,
    filters: &'static [&'static dyn Filter],
    second: &'static [&'static dyn SecondFilter],
) -> anyhow::Result<()> {
    describe();
    let networks = Arc::new(networks(&ctx.config, second).await?);
    let opened = open(&ctx, || async {
        let mut servers = Servers::new(&ctx);
        let db = ctx.config.analytics_db()?;
        let archive = Archive::open(&servers.of(&db).await?, &db.db, &db.coll).await?;
        let raws = Raws::new(&archive);
        let graph = GraphWriter::new(&archive).with_second_stage(settled(&ctx, second));
        let stage = match second {
            [] => None,
            _ => {
                let networks = Arc::clone(&networks);
                let stage = SecondStageWork::open(second, networks, &archive, &graph, ctx.once);
                Some(stage.await?)
            }
        };
        let mut lines = Vec::new();
        for &filter in filters {
            // nothing is derived from a value because somebody judged it
            let stage = stage.as_ref().filter(|_| !filter.makes_verdicts());
            let deriver = stage.map(SecondStageWork::deriver);
            lines.push(Line::open(filter, &raws, &graph, deriver).await?);
        }
        let judge = Judge::open(&raws, &graph).await?;
        Ok((
            raws.watch(),
            Analyst {
                judge,
                lines,
                stage,
            },
        ))
    });
    let Some((watch, analyst)) = opened.await? else {
        return Ok(());
    };
    let options = WorkOptions {
        max_backoff: Duration::from_secs(ctx.config.analytics.max_backoff_s),
        ..WorkOptions::new(NAME)
    };
    work_loop(&ctx, analyst, WakeSignal::follow(watch), options).await
}

/// Loads the databases of networks, where there is a second stage.
async fn networks(
    config: &Config,
    second: &[&'static dyn SecondFilter],
) -> anyhow::Result<Networks> {
    if second.is_empty() {
        return Ok(Networks::default());
    }
    let files = config.analytics.geoip.clone();
    let loaded = tokio::task::spawn_blocking(move || Networks::load(&files)).await?;
    loaded.context("analytics.geoip")
}

/// Returns the second stage with its waits. A worker that ends when nothing is to do waits for no session.
fn settled(ctx: &DaemonContext, second: &[&'static dyn SecondFilter]) -> SecondStage {
    let wait = |seconds| match ctx.once {
        true => Duration::ZERO,
        false => Duration::from_secs(seconds),
    };
    let analytics = &ctx.config.analytics;
    second_stage(
        second,
        wait(analytics.session_settle_s),
        wait(analytics.session_open_s),
    )
}

fn describe() {
    describe_counter!(
        "cybexp_analytics_raws_total",
        "raws by filter and outcome: done or refused"
    );
    describe_counter!(
        "cybexp_analytics_instances_total",
        "instances by outcome: new, known, or derived from sessions and what was there before"
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
    describe_counter!(
        "cybexp_analytics_sessions_total",
        "sessions that filters of the second stage have read"
    );
    describe_counter!(
        "cybexp_analytics_second_panics_total",
        "attributes and sessions on which a filter of the second stage panicked"
    );
    describe_gauge!(
        "cybexp_analytics_lag_seconds",
        "age of the oldest raw of the batch in hand"
    );
}

struct Analyst {
    judge: Judge,
    lines: Vec<Line>,
    /// The second stage, unless it is off.
    stage: Option<SecondStageWork>,
}

impl Worker for Analyst {
    /// Writes one part of each filter, so that no filter's backlog holds up the others. An error of one filter does not
    /// keep the others from their part.
    async fn step(&mut self) -> anyhow::Result<Step> {
        let mut worked = 0;
        let mut wait: Option<Duration> = None;
        let mut failed = None;
        if let Some(stage) = &mut self.stage {
            stage.stand().await?;
        }
        // judgements first: there are few, and people wait for them
        let mut steps = vec![self.judge.step().await];
        for line in &mut self.lines {
            steps.push(line.step().await);
        }
        for step in steps {
            match step {
                Ok(LineStep::Worked(raws)) => worked += raws,
                Ok(LineStep::Nothing(time)) => wait = wait.into_iter().chain(time).min(),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(stage) = &mut self.stage {
            match stage.step(worked > 0).await {
                Ok(StageStep::Worked(read)) => worked += read,
                Ok(StageStep::Nothing(time)) => wait = wait.into_iter().chain(time).min(),
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
