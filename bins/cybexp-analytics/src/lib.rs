//! The analytics daemon: takes raws from the archive, runs their filter, and writes the TAHOE graph.
//!
//! A raw is marked only when all its instances are stored, so a crash repeats a step and loses nothing: instances that
//! are written twice are found to exist. A raw that its filter refuses is marked with the reason.

mod batch;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cybexp_filters::{FILTERS, Filter};
use cybexp_service::{
    DaemonContext, Servers, Step, WakeSignal, WorkOptions, Worker, open, work_loop,
};
use cybexp_store::{Archive, GraphWriter, PendingRaw, RawOutcome, RawQueue, Raws, Taken, Written};
use metrics::{counter, describe_counter, describe_gauge, gauge};

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
        let raws = Raws::new(&archive);
        let mut queues = Vec::new();
        for &filter in FILTERS {
            let queue = raws.queue(&filter.id(), filter.typetags()).await?;
            queues.push((filter, queue));
        }
        Ok((raws.watch(), GraphWriter::new(&archive), queues))
    });
    let Some((watch, graph, queues)) = opened.await? else {
        return Ok(());
    };
    let analyst = Analyst { graph, queues };
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
    describe_gauge!(
        "cybexp_analytics_lag_seconds",
        "age of the oldest raw of the batch in hand"
    );
}

struct Analyst {
    graph: GraphWriter,
    queues: Vec<(&'static dyn Filter, RawQueue)>,
}

impl Worker for Analyst {
    /// Processes one batch of each filter, so that no filter's backlog holds up the others.
    async fn step(&mut self) -> anyhow::Result<Step> {
        let mut worked = 0;
        let mut leased: Option<Duration> = None;
        for (filter, queue) in &mut self.queues {
            match queue.take().await? {
                Taken::Work(raws) => worked += process(*filter, &self.graph, queue, raws).await?,
                Taken::Leased(wait) => leased = Some(leased.map_or(wait, |least| least.min(wait))),
                Taken::Nothing => {
                    gauge!("cybexp_analytics_lag_seconds", "filter" => filter.name()).set(0.0)
                }
            }
        }
        Ok(match (worked, leased) {
            (0, None) => Step::Idle,
            (0, Some(wait)) => Step::Wait(wait),
            (worked, _) => Step::Worked(worked),
        })
    }
}

async fn process(
    filter: &'static dyn Filter,
    writer: &GraphWriter,
    queue: &RawQueue,
    raws: Vec<Result<PendingRaw, RawOutcome>>,
) -> anyhow::Result<u64> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    let oldest = raws
        .iter()
        .flatten()
        .map(PendingRaw::timestamp)
        .fold(now, f64::min);
    gauge!("cybexp_analytics_lag_seconds", "filter" => filter.name()).set(now - oldest);

    let mut raws = raws.into_iter();
    let mut worked = 0;
    while raws.len() > 0 {
        let part = tokio::task::spawn_blocking(move || {
            let (graph, batch) = run_filter(filter, &mut raws);
            (graph, batch, raws)
        });
        let (graph, mut batch, rest) = part.await?;
        let written = writer.write(&graph).await?;
        batch.reject(&written.rejected);
        queue.mark(&batch.outcomes, now).await?;
        record(filter, &batch, &written);
        worked += batch.outcomes.len() as u64;
        raws = rest;
    }
    Ok(worked)
}

fn record(filter: &'static dyn Filter, batch: &BatchOutcome, written: &Written) {
    let name = filter.name();
    let mut refused = 0;
    for outcome in &batch.outcomes {
        if let Err(reason) = &outcome.made {
            refused += 1;
            tracing::warn!(raw = %outcome.id, filter = name, reason, "set aside");
        }
    }
    let done = batch.outcomes.len() as u64 - refused;
    counter!("cybexp_analytics_raws_total", "filter" => name, "outcome" => "done").increment(done);
    counter!("cybexp_analytics_raws_total", "filter" => name, "outcome" => "refused")
        .increment(refused);
    for (raw, left_out) in &batch.left_out {
        tracing::info!(%raw, filter = name, ?left_out, "read, but for some of it");
        for (why, parts) in left_out {
            counter!("cybexp_analytics_left_out_total", "filter" => name, "why" => *why)
                .increment(*parts);
        }
    }
    for (event, count) in &batch.unknown {
        counter!("cybexp_analytics_unknown_total", "filter" => name, "event" => *event)
            .increment(*count);
    }
    counter!("cybexp_analytics_instances_total", "outcome" => "new").increment(written.inserted);
    counter!("cybexp_analytics_instances_total", "outcome" => "known").increment(written.existing);
}
