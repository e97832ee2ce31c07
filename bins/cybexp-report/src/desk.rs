//! Serves one claimed query: keeps up the claim while the answer is made, and writes the answer.

use std::sync::Arc;
use std::time::Duration;

use cybexp_seal::PrivateKey;
use cybexp_store::{Answer, Claimed, Queries, Spent, StoreError, measured};
use tahoe_core::Socket;
use tracing::Instrument;

use crate::account::{Account, Phase};
use crate::admission::Admission;
use crate::answer::answer;
use crate::callback::Callback;
use crate::engine::Engine;
use crate::memory::Memory;

/// Everything that is needed to answer a query.
pub(crate) struct Desk {
    pub(crate) queries: Queries,
    pub(crate) engine: Engine,
    pub(crate) key: Arc<PrivateKey>,
    pub(crate) admission: Admission,
    pub(crate) memory: Memory,
    pub(crate) callback: Callback,
    pub(crate) lease: Duration,
}

impl Desk {
    /// Answers a query, and returns the socket on which its asker waits, if the answer is written.
    pub(crate) async fn serve(self: &Arc<Self>, claim: Claimed) -> Option<Socket> {
        let account = Account::begin(&claim);
        let span = account.span();
        let (asker, outcome, spent) = self.answer_and_write(claim).instrument(span).await?;
        account.end(outcome, &spent);
        asker.filter(|_| outcome != "lost")
    }

    /// Answers a query and writes the answer. Returns the asker's socket, the outcome, and the time spent waiting for the
    /// database; or nothing if the database is away, and the query is taken up again.
    async fn answer_and_write(
        self: &Arc<Self>,
        claim: Claimed,
    ) -> Option<(Option<Socket>, &'static str, Spent)> {
        let desk = Arc::clone(self);
        let work = claim.clone();
        let answering = async move {
            let qtype = work.query.as_ref().map(|query| query.qtype.as_str());
            let room = desk.memory.room(qtype.unwrap_or_default()).await;
            let answer = answer(&work, &desk.engine, &desk.key, &desk.admission);
            (measured(answer).await, room)
        };
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
        let (answer, spent, _room) = match answer {
            Ok(((answer, spent), room)) => (Ok(answer), spent, room),
            Err(panic) => (Err(panic), Spent::default(), None),
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
        let macs = self.admission.macs();
        let writing = self
            .queries
            .finish_with(&claim, &answer, |query, report| macs.report(query, report));
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
        let query = claim.query.as_ref().ok();
        let asker = query.and_then(|query| self.admission.socket(&claim, query));
        Some((asker, outcome, spent))
    }
}
