//! One filter at work: raws are read, filtered and written, each part while the part before it is written.

use std::time::{Duration, Instant};

use cybexp_filters::Filter;
use cybexp_store::{
    FilterVersion, GraphBatch, GraphWriter, PendingRaw, RawOutcome, RawQueue, Raws, StoreError,
    Taken, VersionStanding, Written,
};
use metrics::{counter, gauge};

use crate::batch::{BatchOutcome, Part, Unfinished};
use crate::clock::now;
use crate::parts::{DerivedPart, Parts};
use crate::second::Deriver;
use crate::tell::Teller;

/// Time between two looks whether another worker runs a higher version of the filter.
const ANNOUNCE: Duration = Duration::from_secs(10);

/// The result of a step of a line.
pub(crate) enum LineStep {
    /// The number of raws that were written.
    Worked(u64),
    /// Nothing to do, for this time at most if it is given.
    Nothing(Option<Duration>),
}

/// Time after which the lease of the raws in hand is extended.
const RENEW: Duration = Duration::from_secs(10);

/// A filter with the queue of its raws.
pub(crate) struct Line {
    filter: &'static dyn Filter,
    queue: RawQueue,
    raws: Raws,
    graph: GraphWriter,
    /// The second stage, unless it is off.
    deriver: Option<Deriver>,
    /// Teller of new events to those who wait for them.
    teller: Option<Teller>,
    /// The parts of the batch in hand that are not made yet, or not taken.
    parts: Option<Parts>,
    /// A part that was made and is not written.
    filtered: Option<Box<DerivedPart>>,
    /// Raws whose part is written, and that are not marked.
    unmarked: Vec<RawOutcome>,
    /// The fate of the raw that the last part did not end.
    unfinished: Unfinished,
    renewed: Instant,
    standing: VersionStanding,
    announced: Option<Instant>,
}

/// The next part, or the reason why there is none.
enum Next {
    Part(Box<DerivedPart>),
    /// There is none; others may give back raws after this time.
    None(Option<Duration>),
}

impl Line {
    pub(crate) async fn open(
        filter: &'static dyn Filter,
        raws: &Raws,
        graph: &GraphWriter,
        deriver: Option<Deriver>,
        teller: Option<Teller>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            filter,
            queue: raws.queue(&filter.id()).await?,
            raws: raws.clone(),
            graph: graph.clone(),
            deriver,
            teller,
            parts: None,
            filtered: None,
            unmarked: Vec::new(),
            unfinished: Unfinished::default(),
            renewed: Instant::now(),
            standing: VersionStanding::Current,
            announced: None,
        })
    }

    fn version(&self) -> FilterVersion<'static> {
        FilterVersion {
            name: self.filter.name(),
            version: self.filter.version(),
            typetags: self.filter.typetags(),
        }
    }

    /// Takes a part in hand for [`Self::step`]; returns the result of the step if there is none. After an error the raws in
    /// hand are taken again.
    pub(crate) async fn look(&mut self) -> anyhow::Result<Option<LineStep>> {
        let looked = self.try_look().await;
        if looked.is_err() {
            self.give_back().await;
        }
        looked
    }

    async fn try_look(&mut self) -> anyhow::Result<Option<LineStep>> {
        let wait = match self.stand().await? {
            VersionStanding::Outdated => return Ok(Some(LineStep::Nothing(None))),
            VersionStanding::Risen(Duration::ZERO) => {
                self.walk().await?;
                Some(Duration::ZERO)
            }
            VersionStanding::Risen(wait) => Some(wait),
            VersionStanding::Current => None,
        };
        if self.filtered.is_some() {
            return Ok(None);
        }
        let next = next(self.filter, &self.deriver, &mut self.queue, &mut self.parts);
        Ok(match next.await? {
            Next::Part(part) => {
                self.filtered = Some(part);
                None
            }
            Next::None(lease) => Some(LineStep::Nothing(wait.into_iter().chain(lease).min())),
        })
    }

    /// Writes the part in hand, while the raws of the one before it are marked, and the next one is read and filtered. After
    /// an error the raws in hand are taken again.
    pub(crate) async fn step(&mut self) -> anyhow::Result<LineStep> {
        let step = self.try_step().await;
        if step.is_err() {
            self.give_back().await;
        }
        step
    }

    async fn give_back(&mut self) {
        self.filtered = None;
        self.unmarked.clear();
        self.parts = None;
        self.unfinished = Unfinished::default();
        // if this fails, too, others take the raws when the lease ends
        let _ = self.queue.release().await;
    }

    async fn try_step(&mut self) -> anyhow::Result<LineStep> {
        let Some(part) = self.filtered.take() else {
            return Ok(LineStep::Nothing(None));
        };
        let DerivedPart { part, met } = *part;
        let Part { graph, mut batch } = part;
        let marker = self.queue.marker();
        let (written, marked, next) = tokio::join!(
            write(
                self.filter,
                (&self.graph, self.teller.as_ref()),
                &graph,
                (&mut batch, &mut self.unfinished),
            ),
            marker.mark(&self.unmarked, now()),
            next(self.filter, &self.deriver, &mut self.queue, &mut self.parts)
        );
        marked?;
        self.queue.marked(&self.unmarked);
        self.unmarked.clear();
        let written = written?;
        if let (Some(deriver), Some(met)) = (&self.deriver, met) {
            deriver.learn(met);
        }
        record(self.filter, &batch, &written);
        let worked = batch.outcomes.len().max(1) as u64;
        self.unmarked = batch.outcomes;
        match next? {
            Next::Part(part) => self.filtered = Some(part),
            Next::None(_) => self.mark().await?,
        }
        if self.renewed.elapsed() > RENEW {
            self.queue.renew().await?;
            self.renewed = Instant::now();
        }
        // a part in the middle of a raw is work, too
        Ok(LineStep::Worked(worked))
    }

    /// Marks the raws of the part that was written last.
    async fn mark(&mut self) -> anyhow::Result<()> {
        self.queue.marker().mark(&self.unmarked, now()).await?;
        self.queue.marked(&self.unmarked);
        self.unmarked.clear();
        Ok(())
    }

    /// Returns the place of this version among those of all workers, which is asked for from time to time.
    async fn stand(&mut self) -> anyhow::Result<VersionStanding> {
        if self.announced.is_none_or(|at| at.elapsed() >= ANNOUNCE) {
            let standing = self.raws.announce(self.version()).await?;
            if standing == VersionStanding::Outdated && self.standing != standing {
                tracing::warn!(
                    filter = self.filter.id(),
                    "another worker has a higher version of this filter: this one rests"
                );
            }
            self.standing = standing;
            self.announced = Some(Instant::now());
        }
        Ok(match (self.standing, self.announced) {
            (VersionStanding::Risen(wait), Some(at)) => {
                VersionStanding::Risen(wait.saturating_sub(at.elapsed()))
            }
            (standing, _) => standing,
        })
    }

    /// Makes older raws wait for this version, some at a time.
    async fn walk(&mut self) -> anyhow::Result<()> {
        match self.raws.walk(self.version()).await? {
            Some(0) => {}
            Some(raws) => tracing::info!(
                filter = self.filter.id(),
                raws,
                "older raws wait for this version"
            ),
            None => self.standing = VersionStanding::Current,
        }
        Ok(())
    }
}

/// Returns the next part: of the same batch as long as some of it is left, else of a batch that is taken.
async fn next(
    filter: &'static dyn Filter,
    deriver: &Option<Deriver>,
    queue: &mut RawQueue,
    parts: &mut Option<Parts>,
) -> anyhow::Result<Next> {
    if let Some(made) = parts {
        if let Some(part) = made.next().await? {
            return Ok(Next::Part(part));
        }
        *parts = None;
    }
    let raws = match queue.take().await? {
        Taken::Work(raws) => {
            let oldest = raws.iter().flatten().map(|raw: &PendingRaw| raw.timestamp);
            let lag = now() - oldest.fold(now(), f64::min);
            gauge!("cybexp_analytics_lag_seconds", "filter" => filter.name()).set(lag);
            raws.into_iter()
        }
        Taken::Leased(wait) => return Ok(Next::None(Some(wait))),
        Taken::Nothing => {
            gauge!("cybexp_analytics_lag_seconds", "filter" => filter.name()).set(0.0);
            return Ok(Next::None(None));
        }
    };
    let part = parts
        .insert(Parts::begin(filter, deriver.clone(), raws))
        .next()
        .await?;
    if part.is_none() {
        // it is through, and is not asked again
        *parts = None;
    }
    // if it is empty, other workers were faster
    Ok(part.map_or(Next::None(Some(Duration::ZERO)), Next::Part))
}

/// Writes a part: first what was made of the raws, then what an earlier version made goes. New events are told before the
/// raws are marked, so that none is lost.
async fn write(
    filter: &'static dyn Filter,
    (writer, teller): (&GraphWriter, Option<&Teller>),
    graph: &GraphBatch,
    (batch, unfinished): (&mut BatchOutcome, &mut Unfinished),
) -> anyhow::Result<Written> {
    let written = writer.write(graph).await?;
    batch.reject(&written.rejected, unfinished);
    if let Some(teller) = teller {
        // boxed, for it is seldom needed, and all that is around it would be larger
        Box::pin(teller.tell(writer, graph, &batch.first, &written)).await?;
    }
    let removed = writer.replace(filter.name(), &batch.remade()).await?;
    counter!("cybexp_analytics_replaced_total", "filter" => filter.name()).increment(removed);
    Ok(written)
}

fn record(filter: &'static dyn Filter, batch: &BatchOutcome, written: &Written) {
    let name = filter.name();
    let mut refused = 0;
    for outcome in &batch.outcomes {
        if let Err(reason) = &outcome.made {
            refused += 1;
            tracing::warn!(raw = outcome.raw, filter = name, reason, "quarantined");
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
