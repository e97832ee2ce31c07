//! One second-stage filter that reads sessions, at work: some are read while what was made of those before is written.

use std::time::Duration;

use cybexp_filters::second::SecondFilter;
use cybexp_store::{Archive, Due, DueSession, DueSessions, GraphBatch, GraphWriter, StoreError};
use metrics::counter;

use super::deriver::Deriver;

/// A filter with the queue of its sessions.
pub(super) struct SessionLine {
    filter: &'static dyn SecondFilter,
    queue: DueSessions,
    graph: GraphWriter,
    deriver: Deriver,
    /// Sessions that were taken while those before them were written.
    next: Option<Vec<DueSession>>,
}

/// The result of looking for sessions.
pub(super) enum SessionStep {
    /// The number of sessions that were read.
    Worked(u64),
    /// None is due, for this time if it is given.
    Nothing(Option<Duration>),
}

impl SessionLine {
    pub(super) async fn open(
        filter: &'static dyn SecondFilter,
        archive: &Archive,
        graph: &GraphWriter,
        deriver: &Deriver,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            filter,
            queue: DueSessions::open(archive, filter.name()).await?,
            graph: graph.clone(),
            deriver: deriver.clone(),
            next: None,
        })
    }

    /// The name of the filter.
    pub(super) fn name(&self) -> &'static str {
        self.filter.name()
    }

    /// Makes the sessions due that this worker has written, if it ends with its work.
    pub(super) async fn sessions_are_due(&self) -> Result<(), StoreError> {
        self.graph.sessions_are_due().await
    }

    /// Reads the sessions that are due. After an error they are taken again.
    pub(super) async fn step(&mut self) -> anyhow::Result<SessionStep> {
        let step = self.try_step().await;
        if step.is_err() {
            self.next = None;
            // if this fails, too, others take the sessions when the lease ends
            let _ = self.queue.release().await;
        }
        step
    }

    async fn try_step(&mut self) -> anyhow::Result<SessionStep> {
        let sessions = match self.next.take() {
            Some(sessions) => sessions,
            None => match self.queue.take().await? {
                Due::Sessions(sessions) => sessions,
                Due::Later(wait) => return Ok(SessionStep::Nothing(Some(wait))),
                Due::Nothing => return Ok(SessionStep::Nothing(None)),
            },
        };
        let (filter, deriver) = (self.filter, self.deriver.clone());
        let derive = move || {
            let mut graph = GraphBatch::default();
            let read = sessions
                .iter()
                .filter_map(|session| session.read.as_ref().ok());
            let made: Vec<_> = read
                .map(|read| deriver.of_session(filter, read, &mut graph))
                .collect();
            (sessions, graph, made)
        };
        let (sessions, graph, made) = tokio::task::spawn_blocking(derive).await?;
        let marker = self.queue.marker();
        let write = async {
            let written = self.graph.write(&graph).await?;
            let replaced = self.graph.replace_derived(filter.name(), &made).await?;
            marker.mark(&sessions).await?;
            Ok::<_, StoreError>((written, replaced))
        };
        let (written, next) = tokio::join!(write, self.queue.take());
        let (written, replaced) = written?;
        self.queue.marked(&sessions).await?;
        if let Due::Sessions(next) = next? {
            self.next = Some(next);
        }
        for rejected in &written.rejected {
            tracing::warn!(event = %rejected.hash, filter = filter.name(), rejected.reason, "cannot be stored");
        }
        record(filter.name(), &sessions, written.inserted, replaced);
        Ok(SessionStep::Worked(sessions.len() as u64))
    }
}

fn record(filter: &'static str, sessions: &[DueSession], derived: u64, replaced: u64) {
    for session in sessions {
        match &session.read {
            Ok(read) if read.cut => {
                tracing::info!(session = %session.id, filter, "only its first events were read");
            }
            Ok(_) => {}
            Err(reason) => {
                tracing::warn!(session = %session.id, filter, reason, "cannot be read");
            }
        }
    }
    counter!("cybexp_analytics_sessions_total", "filter" => filter)
        .increment(sessions.len() as u64);
    counter!("cybexp_analytics_instances_total", "outcome" => "derived").increment(derived);
    counter!("cybexp_analytics_replaced_total", "filter" => filter).increment(replaced);
}
