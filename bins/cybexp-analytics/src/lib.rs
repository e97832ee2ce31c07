//! The analytics daemon: takes raws from the archive, runs their filter, and writes the TAHOE graph.
//!
//! A raw is marked only when all its instances are stored, so a crash repeats a step and loses nothing: instances that
//! are written twice are found to exist. A raw that its filter refuses is marked with the reason.

mod batch;
mod clock;
mod judge;
mod keeper;
mod line;
mod parts;
mod rest;
mod second;
mod sum;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use cybexp_filters::second::{Networks, SECOND_FILTERS, SecondFilter};
use cybexp_filters::{FILTERS, Filter};
use cybexp_service::{
    Config, DaemonContext, NoticeMacs, Servers, Step, WakeSignal, WorkOptions, Worker, open,
    work_loop,
};
use cybexp_store::{Archive, GraphWriter, Identity, Raws, SecondStage};
use futures::future::{OptionFuture, join_all};
use metrics::{describe_counter, describe_gauge};

use judge::Judge;
use line::{Line, LineStep};
use rest::Rest;
use second::{SecondStageWork, StageBeside, second_stage};
use sum::StepSum;
use tell::Teller;

pub use batch::{BatchOutcome, Part, Unfinished, run_filter};
pub use second::{BackfillStep, Backfiller};

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "analytics";

/// Time between two looks whether the second stage has ended its step.
const STAGE_LOOK: Duration = Duration::from_millis(50);

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
    let macs = tell::macs(&ctx.config);
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
        let teller = match &macs {
            Some(macs) => Some(Box::pin(teller(&ctx, &mut servers, macs.clone())).await?),
            None => None,
        };
        let mut lines = Vec::new();
        for &filter in filters {
            // nothing is derived from a value because somebody judged it
            let stage = stage.as_ref().filter(|_| !filter.makes_verdicts());
            let deriver = stage.map(SecondStageWork::deriver);
            // a verdict is no observation
            let teller = teller.clone().filter(|_| !filter.makes_verdicts());
            let line = Line::open(filter, &raws, &graph, deriver, teller).await?;
            lines.push((line, Rest::new(filter.name())));
        }
        let judge = Judge::open(&raws, &graph).await?;
        let analyst = Analyst {
            judge: (judge, Rest::new("judgements")),
            lines,
            stage: stage.map(|stage| (StageBeside::new(stage), Rest::new("second stage"))),
            once: ctx.once,
        };
        Ok((archive, raws.watch(), analyst))
    });
    let Some((archive, watch, analyst)) = opened.await? else {
        return Ok(());
    };
    let options = WorkOptions {
        max_backoff: Duration::from_secs(ctx.config.analytics.max_backoff_s),
        ..WorkOptions::new(NAME)
    };
    let kept = archive.clone();
    let keeper = (!ctx.once).then(|| tokio::spawn(keeper::keep(kept, ctx.shutdown.clone())));
    let stage = analyst.stage.as_ref().map(|(stage, _)| stage.at_rest());
    let worked = work_loop(&ctx, analyst, WakeSignal::follow(watch), options).await;
    OptionFuture::from(stage).await;
    worked?;
    match keeper {
        Some(keeper) => keeper.await?,
        None => keeper::walk(&archive).await?,
    }
    Ok(())
}

/// Opens the collections from which others learn of new events.
async fn teller(
    ctx: &DaemonContext,
    servers: &mut Servers<'_>,
    macs: NoticeMacs,
) -> anyhow::Result<Teller> {
    let (report, who) = (ctx.config.report_db()?, ctx.config.identity_db()?);
    let identity = Identity::open(&servers.of(&who).await?, &who.db, &who.coll).await?;
    let server = servers.of(&report).await?;
    Ok(Teller::open(&server, &report.db, identity, macs).await?)
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

/// Returns the second stage with its waits.
fn settled(ctx: &DaemonContext, second: &[&'static dyn SecondFilter]) -> SecondStage {
    let analytics = &ctx.config.analytics;
    SecondStage {
        settle: Duration::from_secs(analytics.session_settle_s),
        open: Duration::from_secs(analytics.session_open_s),
        ends: ctx.once,
        ..second_stage(second)
    }
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
    describe_counter!(
        "cybexp_analytics_live_rows_total",
        "rows of new events for those who watch them come in"
    );
    describe_counter!(
        "cybexp_analytics_notices_total",
        "notices of new events for subscriptions"
    );
    describe_gauge!(
        "cybexp_analytics_lag_seconds",
        "age of the oldest raw of the batch in hand"
    );
}

struct Analyst {
    judge: (Judge, Rest),
    lines: Vec<(Line, Rest)>,
    /// The second stage, unless it is off.
    stage: Option<(StageBeside, Rest)>,
    /// Whether a filter that fails is to end the daemon, after some tries.
    once: bool,
}

impl Worker for Analyst {
    /// Writes one part of each filter, so that no filter's backlog holds up the others. What fails rests by itself; the step
    /// fails if all does, for then it is the database.
    async fn step(&mut self) -> anyhow::Result<Step> {
        let mut sum = StepSum::default();
        if let Some((stage, _)) = &self.stage {
            stage.announced().await?;
        }
        // most have nothing to do, so all look at once: one after the other, a dozen would take as long as a write. Judgements
        // are written meanwhile: there are few, and people wait for them
        let (judge, judge_rest) = &mut self.judge;
        let judge_is_ready = sum.is_ready(judge_rest);
        let judged = OptionFuture::from(judge_is_ready.then(|| judge.step()));
        let lines = self.lines.iter_mut();
        let mut lines: Vec<_> = lines.filter(|(_, rest)| sum.is_ready(rest)).collect();
        let looks = join_all(lines.iter_mut().map(|(line, _)| line.look()));
        let (judged, looked) = tokio::join!(judged, looks);
        let is_busy = matches!(judged, Some(Ok(LineStep::Worked(_))))
            || looked.iter().any(|looked| matches!(looked, Ok(None)));
        if let Some(judged) = judged {
            sum.add(judge_rest, judged);
        }
        if let Some((stage, rest)) = &mut self.stage
            && sum.is_ready(rest)
        {
            stage.begin(is_busy);
        }
        for ((line, rest), looked) in lines.into_iter().zip(looked) {
            let step = match looked {
                Ok(None) => line.step().await,
                Ok(Some(nothing)) => Ok(nothing),
                Err(error) => Err(error),
            };
            sum.add(rest, step);
        }
        if let Some((stage, rest)) = &mut self.stage {
            let patience = if self.once {
                Duration::MAX
            } else {
                Duration::ZERO
            };
            match stage.ended(patience).await {
                Some(step) => sum.add(rest, step),
                // raws that come in meanwhile end the wait
                None => sum.wait_for(stage.is_at_work().then_some(STAGE_LOOK)),
            }
        }
        sum.step(self.once)
    }
}
