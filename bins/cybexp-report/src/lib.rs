//! The report daemon: takes waiting queries, answers them, and tells the API.
//!
//! A query is claimed with one atomic update, so several daemons share the queue; a claim is kept up while the
//! answer is made, and a daemon that dies leaves its queries to the others when their lease ends.

mod account;
mod answer;
mod callback;
mod count;
mod engine;
mod graph;
mod page;
mod question;
mod ranks;
mod related;
mod remembered;
mod subject;
mod threatrank;

use std::sync::Arc;
use std::time::Duration;

use cybexp_seal::PrivateKey;
use cybexp_service::{
    Context, Servers, Step, WakeSignal, WorkOptions, Worker, open, read_private_key, work_loop,
};
use cybexp_store::{
    Answer, Archive, Claimed, GraphReader, Identity, Queries, Spent, StoreError, measured,
};
use tahoe_core::Socket;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::account::{Account, Phase};
use crate::callback::Callback;

pub use engine::Engine;
pub use page::Page;

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "report";

/// Runs until asked to stop, or with `--once` until nothing is waiting.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    account::describe_metrics();
    let config = &ctx.config.report;
    let key = Arc::new(read_private_key(&config.private_key)?);
    let opened = open(&ctx, || async {
        let mut servers = Servers::new(&ctx);
        let (at, graph, who) = (
            ctx.config.report_db()?,
            ctx.config.tahoe_db()?,
            ctx.config.identity_db()?,
        );
        let queries = Queries::open(&servers.of(&at).await?, &at.db, &at.coll).await?;
        let archive = Archive::open(&servers.of(&graph).await?, &graph.db, &graph.coll).await?;
        let identity = Identity::open(&servers.of(&who).await?, &who.db, &who.coll).await?;
        Ok((queries, GraphReader::new(&archive), identity))
    });
    let Some((queries, graph, identity)) = opened.await? else {
        return Ok(());
    };
    let wake = WakeSignal::follow(queries.watch());
    let lease = Duration::from_secs(config.lease_s);
    let answering = TaskTracker::new();
    let reporter = Reporter {
        desk: Arc::new(Desk {
            queries,
            engine: Engine::new(
                graph,
                identity,
                Duration::from_millis(config.threatrank_budget_ms),
            ),
            key,
            callback: Callback::new(&ctx.config.api.host, &config.callback_hosts),
            lease,
        }),
        room: Arc::new(Semaphore::new(config.max_concurrent as usize)),
        answering: answering.clone(),
        at_once: config.max_concurrent as usize,
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
    Ok(())
}

/// What it takes to answer a query.
pub(crate) struct Desk {
    pub(crate) queries: Queries,
    pub(crate) engine: Engine,
    pub(crate) key: Arc<PrivateKey>,
    callback: Callback,
    lease: Duration,
}

struct Reporter {
    desk: Arc<Desk>,
    /// One permit for each query that may be answered at the same time.
    room: Arc<Semaphore>,
    answering: TaskTracker,
    at_once: usize,
    once: bool,
    wake: WakeSignal,
}

impl Worker for Reporter {
    /// Claims what is waiting, as far as there is room for it.
    async fn step(&mut self) -> anyhow::Result<Step> {
        let mut claimed = 0;
        // no more than that in one step, for answers may make room as fast as it is taken
        while claimed < self.at_once as u64
            && let Ok(permit) = Arc::clone(&self.room).try_acquire_owned()
        {
            let Some(claim) = self.desk.queries.claim(self.desk.lease).await? else {
                break;
            };
            claimed += 1;
            let desk = Arc::clone(&self.desk);
            let wake = self.wake.clone();
            self.answering.spawn(async move {
                let asker = desk.serve(claim).await;
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
        if self.once && self.room.available_permits() < self.at_once {
            // not idle before what is being answered is done
            self.wake.woken().await;
            return Ok(Step::Worked(1));
        }
        Ok(Step::Idle)
    }
}

impl Desk {
    /// Answers a query; gives where its asker waits, if the answer is written.
    async fn serve(self: &Arc<Self>, claim: Claimed) -> Option<Socket> {
        let account = Account::begin(&claim);
        let span = account.span();
        let (asker, outcome, spent) = self.answer_and_write(claim).instrument(span).await?;
        account.end(outcome, &spent);
        asker.filter(|_| outcome != "lost")
    }

    /// Answers a query and writes that; gives who asked, the outcome, and what was waited for. None: the database is
    /// away, and the query is taken up again.
    async fn answer_and_write(
        self: &Arc<Self>,
        claim: Claimed,
    ) -> Option<(Option<Socket>, &'static str, Spent)> {
        let desk = Arc::clone(self);
        let work = claim.clone();
        let answering = async move { measured(desk.answer(&work)).await };
        // a task of its own: it is not stopped halfway, and a panic ends only it
        let mut answering = tokio::spawn(answering.in_current_span());
        let mut renewal = tokio::time::interval(self.lease / 3);
        renewal.tick().await;
        let answer = loop {
            tokio::select! {
                answer = &mut answering => break answer,
                _ = renewal.tick() => {
                    if let Err(error) = self.queries.renew(std::slice::from_ref(&claim), self.lease).await {
                        tracing::warn!(%error, "a claim could not be renewed");
                    }
                }
            }
        };
        let (answer, spent) = match answer {
            Ok((answer, spent)) => (Ok(answer), spent),
            Err(panic) => (Err(panic), Spent::default()),
        };
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            // a document that is not what it should be, and will not be next time either
            Ok(Err(error @ StoreError::Bson { .. })) => Answer::Failed(error.to_string()),
            Ok(Err(error)) => {
                // the database is away: the lease ends, and the query is taken up again
                tracing::warn!(%error, "a query was not answered");
                return None;
            }
            Err(panic) => {
                tracing::error!(%panic, "answering a query panicked");
                Answer::Failed("answering it panicked: please report this".to_owned())
            }
        };
        let writing = self.queries.finish(&claim, &answer);
        let outcome = match Phase::Write.of(writing).await {
            Ok(true) => match answer {
                Answer::Ready(_) => "ready",
                Answer::Failed(reason) => {
                    tracing::info!(reason, "a query failed");
                    "failed"
                }
            },
            Ok(false) => "lost",
            Err(error) => {
                tracing::warn!(%error, "an answer could not be written");
                return None;
            }
        };
        let asker = claim.query.ok().map(|query| query.socket);
        Some((asker, outcome, spent))
    }
}
