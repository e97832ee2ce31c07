//! The report daemon: takes waiting queries, answers them, and tells the API.
//!
//! A query is claimed with one atomic update, so several daemons share the queue; a claim is kept up while the
//! answer is made, and a daemon that dies leaves its queries to the others when their lease ends. Users take turns, and
//! one user has at most a quarter of the daemon's room.

mod account;
mod admission;
mod answer;
mod callback;
mod clock;
mod courier;
mod desk;
mod drawn;
mod engine;
mod feed_news;
mod feeds;
mod hubs;
mod memory;
mod page;
mod question;
mod ranks;
mod reports;
mod rows;
mod shares;
mod sources;
mod subject;
mod sweep;
mod values;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use cybexp_lists::KnownGood;
use cybexp_service::{
    DaemonContext, Fatal, NoticeMacs, QueryMacs, Servers, Step, WakeSignal, WorkOptions, Worker,
    open, read_private_key, sweep_loop, work_loop,
};
use cybexp_store::{
    Archive, FeedKeeper, GraphReader, Identity, OutboxDelivery, Queries, Subscriptions, Turn,
};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::admission::Admission;
use crate::callback::Callback;
use crate::desk::Desk;
use crate::memory::Memory;
use crate::shares::Shares;

pub use engine::Engine;
pub use page::ReportPage;

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "report";

/// Runs until asked to stop, or with `--once` until nothing is waiting.
pub async fn run(ctx: DaemonContext) -> anyhow::Result<()> {
    account::describe_metrics();
    feeds::describe_metrics();
    courier::describe_metrics();
    let config = &ctx.config.report;
    let key = Arc::new(read_private_key(&config.private_key)?);
    let lists = config.known_good.clone();
    let known_good = tokio::task::spawn_blocking(move || KnownGood::load(&lists));
    let known_good = known_good
        .await?
        .context("report.known_good")
        .context(Fatal)?;
    let known_good = Arc::new(known_good);
    let notices = NoticeMacs::new(&ctx.config)?;
    let mail = courier::Mail::new(&ctx.config)?;
    let admission = Admission::new(QueryMacs::new(&ctx.config)?, config.accept_unsigned);
    let opened = open(&ctx, || async {
        let mut servers = Servers::new(&ctx);
        let (at, graph, who) = (
            ctx.config.report_db()?,
            ctx.config.tahoe_db()?,
            ctx.config.identity_db()?,
        );
        let server = servers.of(&at).await?;
        let queries = Queries::open(&server, &at.db, &at.coll).await?;
        let archive = Archive::open(&servers.of(&graph).await?, &graph.db, &graph.coll).await?;
        let identity = Identity::open(&servers.of(&who).await?, &who.db, &who.coll).await?;
        let graph = GraphReader::new(&archive);
        let judge = feeds::judge(Arc::clone(&known_good), graph.clone());
        let keeper = FeedKeeper::open(
            &server,
            &at.db,
            &archive,
            graph.clone(),
            judge,
            feeds::MARKS,
        );
        let subscriptions = Subscriptions::open(&server, &at.db).await?;
        let delivery = OutboxDelivery::open(&server, &at.db).await?;
        let outbox = delivery.outbox().clone();
        let teller = feed_news::teller(subscriptions.clone(), outbox, notices.clone());
        let keeper = keeper.await?.with_teller(teller);
        Ok((queries, graph, identity, keeper, (subscriptions, delivery)))
    });
    let Some((queries, graph, identity, keeper, (subscriptions, delivery))) = opened.await? else {
        return Ok(());
    };
    sweep::describe();
    if let (Some(keep_s), false) = (config.keep.seconds(), ctx.once) {
        tokio::spawn(sweep_loop(
            ctx.clone(),
            sweep::OldReports::new(&queries, keep_s),
        ));
    }
    let wake = WakeSignal::follow(queries.watch());
    let lease = Duration::from_secs(config.lease_s);
    let answering = TaskTracker::new();
    let keeping = match ctx.once {
        true => None,
        false => Some(tokio::spawn(feeds::keep(
            ctx.clone(),
            keeper,
            identity.clone(),
        ))),
    };
    let courier = courier::Courier::new(
        &ctx.config,
        (subscriptions, identity.clone()),
        notices,
        mail,
        &delivery,
    )?;
    let delivering = match ctx.once {
        true => None,
        false => Some(tokio::spawn(courier::deliver(
            ctx.clone(),
            delivery,
            courier,
        ))),
    };
    let reporter = Reporter {
        desk: Arc::new(Desk {
            queries,
            engine: Engine::new(
                graph,
                identity,
                Duration::from_millis(config.threatrank_budget_ms),
            )
            .with_known_good(known_good),
            key,
            admission,
            memory: Memory::new(),
            callback: Callback::new(&ctx.config),
            lease,
        }),
        room: Arc::new(Semaphore::new(config.max_concurrent as usize)),
        answering: answering.clone(),
        at_once: config.max_concurrent as usize,
        shares: Shares::new(config.max_concurrent as usize),
        last_user: String::new(),
        once: ctx.once,
        wake: wake.clone(),
    };
    let options = WorkOptions::new(NAME);
    let options = WorkOptions {
        // nothing wakes it when the lease of a daemon that died ends
        poll_interval: options.poll_interval.min(lease),
        ..options
    };
    work_loop(&ctx, reporter, wake, options).await?;
    // what is being answered is finished
    answering.close();
    answering.wait().await;
    for task in [keeping, delivering].into_iter().flatten() {
        task.await?;
    }
    Ok(())
}

/// Takes waiting queries and has them answered, several at a time.
struct Reporter {
    desk: Arc<Desk>,
    /// One permit for each query that may be answered at the same time.
    room: Arc<Semaphore>,
    answering: TaskTracker,
    at_once: usize,
    shares: Shares,
    /// The user whose query was claimed last: the next one's turn is next.
    last_user: String,
    once: bool,
    wake: WakeSignal,
}

impl Worker for Reporter {
    /// Claims what is waiting, as far as there is room for it.
    async fn step(&mut self) -> anyhow::Result<Step> {
        let mut claimed = 0;
        // the users whose queries, if any, had to wait when nothing could be claimed
        let mut busy = Vec::new();
        // no more than that in one step, for answers may make room as fast as it is taken
        while claimed < self.at_once as u64
            && let Ok(permit) = Arc::clone(&self.room).try_acquire_owned()
        {
            busy = self.shares.busy();
            let turn = Turn {
                after: &self.last_user,
                busy: &busy,
            };
            let Some(claim) = self.desk.queries.claim(self.desk.lease, turn).await? else {
                break;
            };
            claimed += 1;
            let share = self.shares.take(&claim.user);
            claim.user.clone_into(&mut self.last_user);
            let desk = Arc::clone(&self.desk);
            let wake = self.wake.clone();
            self.answering.spawn(async move {
                let asker = desk.serve(claim).await;
                drop(share);
                // a host that does not answer the call must not hold up the queries behind this one
                let call = desk.callback.room().await;
                drop(permit);
                wake.wake();
                if let Some(socket) = asker {
                    desk.callback.send(&socket).await;
                }
                drop(call);
            });
        }
        if claimed > 0 {
            return Ok(Step::Worked(claimed));
        }
        if self.once && (!busy.is_empty() || self.room.available_permits() < self.at_once) {
            // not idle before what is being answered is done, which makes room for what had to wait
            self.wake.woken().await;
            return Ok(Step::Worked(1));
        }
        Ok(Step::Idle)
    }
}
