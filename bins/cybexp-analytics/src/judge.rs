//! Applies what analysts judged: raws that set the category and the contexts of events, and those that have raws in
//! quarantine read again.

use std::time::Duration;

use cybexp_filters::judgement::{CategoryRecord, JUDGE, JUDGE_ID, RetryRecord};
use cybexp_store::{
    GraphWriter, Judgement, PendingRaw, RawOutcome, RawQueue, Raws, StoreError, Taken,
};
use metrics::counter;
use tahoe_core::{Hash, Timestamp};

use crate::clock::now;
use crate::line::LineStep;

/// The raws of judgements, and the graph in which they are applied.
pub(crate) struct Judge {
    queue: RawQueue,
    raws: Raws,
    graph: GraphWriter,
}

impl Judge {
    pub(crate) async fn open(raws: &Raws, graph: &GraphWriter) -> Result<Self, StoreError> {
        Ok(Self {
            queue: raws.queue(JUDGE_ID).await?,
            raws: raws.clone(),
            graph: graph.clone(),
        })
    }

    /// Applies a batch. After an error its raws are taken again, which does no harm: the latest judgement counts, in
    /// whatever order they are applied.
    pub(crate) async fn step(&mut self) -> anyhow::Result<LineStep> {
        let step = self.try_step().await;
        if step.is_err() {
            // if this fails, too, others take the raws when the lease ends
            let _ = self.queue.release().await;
        }
        step
    }

    async fn try_step(&mut self) -> anyhow::Result<LineStep> {
        let raws = match self.queue.take().await? {
            Taken::Work(raws) => raws,
            Taken::Leased(wait) => return Ok(LineStep::Nothing(Some(wait))),
            Taken::Nothing => return Ok(LineStep::Nothing(None)),
        };
        if raws.is_empty() {
            // other workers were faster
            return Ok(LineStep::Nothing(Some(Duration::ZERO)));
        }
        let (mut outcomes, mut judgements, mut judged) = (Vec::new(), Vec::new(), Vec::new());
        for raw in raws {
            match raw {
                Err(outcome) => outcomes.push(outcome),
                Ok(raw) if RetryRecord::is_one(&raw.data) => {
                    let made = self.retry(&raw).await?;
                    outcomes.push(RawOutcome::new(&raw, made));
                }
                Ok(raw) => match judgement(&raw) {
                    Ok(judgement) => {
                        judgements.push(judgement);
                        judged.push(raw);
                    }
                    Err(reason) => outcomes.push(RawOutcome::new(&raw, Err(reason))),
                },
            }
        }
        let results = self.graph.judge(&judgements).await?;
        for ((raw, judgement), result) in judged.iter().zip(&judgements).zip(results) {
            let made = result.map(|()| vec![judgement.event]);
            outcomes.push(RawOutcome::new(raw, made));
        }
        self.queue.marker().mark(&outcomes, now()).await?;
        self.queue.marked(&outcomes);
        record(&outcomes);
        Ok(LineStep::Worked(outcomes.len() as u64))
    }

    /// Has raws in quarantine read again, of the organisation of the request only.
    async fn retry(&self, raw: &PendingRaw) -> anyhow::Result<Result<Vec<Hash>, String>> {
        Ok(match RetryRecord::read(&raw.data) {
            Ok(record) => {
                let again = self.raws.retry_of(&raw.orgid, &record.retry).await?;
                tracing::info!(again, by = record.analyst, "raws leave the quarantine");
                Ok(Vec::new())
            }
            Err(reason) => Err(reason),
        })
    }
}

/// Reads a judgement, or says why it is none.
fn judgement(raw: &PendingRaw) -> Result<Judgement, String> {
    // a time that is none would win over all others for ever
    let at = Timestamp::new(raw.timestamp).map_err(|error| format!("timestamp: {error}"))?;
    let record = CategoryRecord::read(&raw.data)?;
    let change = record.change()?;
    Ok(Judgement {
        raw: raw.hash,
        orgid: raw.orgid.clone(),
        event: change.event,
        category: change.category,
        contexts: change.contexts,
        at: at.get(),
        by: record.analyst,
        reason: record.reason,
    })
}

fn record(outcomes: &[RawOutcome]) {
    for outcome in outcomes {
        let done = match &outcome.made {
            Ok(_) => "done",
            Err(reason) => {
                tracing::warn!(raw = outcome.raw, filter = JUDGE, reason, "quarantined");
                "refused"
            }
        };
        counter!("cybexp_analytics_raws_total", "filter" => JUDGE, "outcome" => done).increment(1);
    }
}
