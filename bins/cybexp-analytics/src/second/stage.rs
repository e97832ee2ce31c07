//! The second stage of one worker: what it holds, and the steps beside those of the first stage.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cybexp_filters::second::{Networks, SecondFilter, Source};
use cybexp_store::{Archive, GraphWriter, SecondStage, SessionReader, StoreError, VersionStanding};
use futures::future::try_join_all;

use super::backfill::{BackfillStep, Backfiller};
use super::deriver::Deriver;
use super::sessions::{SessionLine, SessionStep};
use super::standing::Standings;

/// Time between two looks whether another worker runs a higher version of a filter.
const ANNOUNCE: Duration = Duration::from_secs(10);
/// Time after which raws are looked for again while sessions are read: raws come first.
const AT_ONCE: Duration = Duration::from_millis(100);
/// Time between two looks for sessions while raws are processed.
const LOOK: Duration = Duration::from_secs(1);

/// The second stage of one worker.
pub(crate) struct SecondStageWork {
    deriver: Deriver,
    ways: Vec<Way>,
    lines: Vec<SessionLine>,
    standings: Standings,
    announced: Option<Instant>,
    looked: Option<Instant>,
    /// Whether the worker ends when nothing is to do now.
    once: bool,
}

/// A filter with its place among those of all workers.
struct Way {
    backfiller: Backfiller,
    standing: VersionStanding,
}

/// The result of a step of the second stage.
pub(crate) enum StageStep {
    /// The number of sessions and attributes that were read.
    Worked(u64),
    /// Nothing to do, for this time at most if it is given.
    Nothing(Option<Duration>),
}

/// Returns the filters as a writer of the graph needs to know them.
pub(crate) fn second_stage(filters: &[&'static dyn SecondFilter]) -> SecondStage {
    let mut stage = SecondStage::default();
    for filter in filters {
        match filter.source() {
            Source::Attributes(_) => stage.attributes.push(filter.name()),
            Source::Sessions(sub_types) => stage.sessions.push(SessionReader {
                name: filter.name(),
                sub_types,
                needs: filter.needs_events(),
            }),
        }
    }
    stage
}

impl SecondStageWork {
    /// Makes the second stage of these filters. Those that lack their data rest, and say so.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn open(
        filters: &[&'static dyn SecondFilter],
        networks: Arc<Networks>,
        archive: &Archive,
        graph: &GraphWriter,
        once: bool,
    ) -> Result<Self, StoreError> {
        let standings = Standings::default();
        let deriver = Deriver::new(filters, networks, standings.clone());
        let (mut ways, mut lines) = (Vec::new(), Vec::new());
        for &filter in filters {
            let Some(backfiller) = Backfiller::with(filter, archive, graph, &deriver).await? else {
                tracing::info!(
                    filter = filter.name(),
                    "rests: no database of networks is named (analytics.geoip; `cybexp geoip fetch` installs some)"
                );
                continue;
            };
            if matches!(filter.source(), Source::Sessions(_)) {
                lines.push(SessionLine::open(filter, archive, graph, &deriver).await?);
            }
            ways.push(Way {
                backfiller,
                standing: VersionStanding::Current,
            });
        }
        Ok(Self {
            deriver,
            ways,
            lines,
            standings,
            announced: None,
            looked: None,
            once,
        })
    }

    /// Returns what derives events from the attributes of a batch.
    pub(crate) fn deriver(&self) -> Deriver {
        self.deriver.clone()
    }

    /// Announces the filters if they never were, which must come before anything is derived.
    pub(crate) async fn announced(&mut self) -> Result<(), StoreError> {
        match self.announced {
            Some(_) => Ok(()),
            None => self.stand().await,
        }
    }

    /// Announces the filters from time to time, and learns which of them rest.
    async fn stand(&mut self) -> Result<(), StoreError> {
        if self.announced.is_some_and(|at| at.elapsed() < ANNOUNCE) {
            return Ok(());
        }
        let claims = self.announced.is_none();
        // at once: one after the other, they would hold up raws for as long as some writes
        let announced = self.ways.iter().map(|way| way.backfiller.announce(claims));
        let announced = try_join_all(announced).await?;
        for (way, standing) in self.ways.iter_mut().zip(announced) {
            way.standing = standing;
            let name = way.backfiller.name();
            let rests = way.standing == VersionStanding::Outdated;
            if self.standings.set(name, rests) && rests {
                tracing::warn!(
                    filter = way.backfiller.id(),
                    "another worker has a higher version or other data of this filter: this one rests"
                );
            }
        }
        self.announced = Some(Instant::now());
        Ok(())
    }

    /// Reads sessions that are due, and a page of what was there before a filter. `busy`: raws are being processed.
    pub(crate) async fn step(&mut self, busy: bool) -> anyhow::Result<StageStep> {
        self.stand().await?;
        let (mut worked, mut wait) = (0, None::<Duration>);
        for way in &mut self.ways {
            let VersionStanding::Risen(risen) = way.standing else {
                continue;
            };
            let since = self.announced.map_or(Duration::ZERO, |at| at.elapsed());
            let left = risen.saturating_sub(since);
            if !left.is_zero() {
                wait = wait.into_iter().chain([left]).min();
                continue;
            }
            match way.backfiller.step().await? {
                BackfillStep::Page(read) => worked += read.max(1),
                BackfillStep::Done => {
                    way.standing = VersionStanding::Current;
                    tracing::info!(
                        filter = way.backfiller.id(),
                        "has read all that was there before it"
                    );
                }
                BackfillStep::NotOurs => wait = wait.into_iter().chain([ANNOUNCE]).min(),
            }
        }
        // a worker that ends when nothing is to do reads at its end the sessions that it wrote, whether they have settled or not
        let often = !self.once && self.looked.is_none_or(|at| at.elapsed() >= LOOK);
        let looks = !busy || often;
        if looks {
            self.looked = Some(Instant::now());
            for line in &mut self.lines {
                if !self.standings.is_current(line.name()) {
                    continue;
                }
                if self.once {
                    line.sessions_are_due().await?;
                }
                let since = Instant::now();
                loop {
                    match line.step().await? {
                        SessionStep::Worked(sessions) => worked += sessions,
                        // a worker that ends when nothing is to do does not wait for the sessions of others
                        SessionStep::Nothing(_) if self.once => break,
                        SessionStep::Nothing(later) => {
                            wait = wait.into_iter().chain(later).min();
                            break;
                        }
                    }
                    if busy || since.elapsed() > AT_ONCE {
                        break;
                    }
                }
            }
        }
        Ok(match worked {
            0 => StageStep::Nothing(wait),
            worked => StageStep::Worked(worked),
        })
    }
}
