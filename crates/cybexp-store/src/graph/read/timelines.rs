//! Timelines: the numbers of a hub's events by hour, with the first and last time of each. They are counted once by the
//! index, kept in memory, and kept exact.
//!
//! Each use first asks the journal which hours got events since, and counts these anew. So an answer includes
//! everything that [`GraphWriter`](crate::GraphWriter) wrote before the question. Changes by hand show when a timeline
//! is made anew. This begins when it is [`MAX_AGE`] old, and nobody waits for it until it is [`OVERDUE`].

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tahoe_core::time::TimeRange;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::graph::hours::{self, Hours, Part};
use crate::graph::journal::{News, Seen};
use crate::graph::read::by_hour::by_hour;
use crate::graph::read::event_tally::EventTally;
use crate::graph::read::wanted::{Key, Wanted};
use crate::mongo::collection::Documents;

/// Approximate limit of the memory of all timelines, in bytes.
const MAX_BYTES: usize = 64 << 20;
/// Approximate memory of one hour of an organisation, in bytes.
const HOUR_BYTES: usize = 56;
/// Age at which a timeline is made anew, because events may have been edited by hand.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// Time beyond [`MAX_AGE`] for which an old timeline still serves while a new one is made.
const OVERDUE: Duration = Duration::from_secs(3600);
/// Longest time between two looks at the journal, well below the day for which it keeps its notes.
const MAX_SILENCE: Duration = Duration::from_secs(12 * 3600);
/// The most runs of changed hours that are counted one by one. If there are more, a single run from the first to the
/// last is counted instead, with the unchanged hours between them.
const MAX_RUNS: usize = 8;

/// All timelines of an archive; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Timelines {
    coll: Documents,
    journal: Documents,
    shared: Arc<Inner>,
    /// [`MAX_AGE`], except in tests.
    pub(crate) max_age: Duration,
}

#[derive(Debug, Default)]
struct Inner {
    /// The last look at the journal that was asked for, and the last one that was answered.
    asked: AtomicU64,
    journal: AsyncMutex<Followed>,
    changes: Mutex<Changes>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Followed {
    seen: Seen,
    answered: u64,
    at: Option<Instant>,
}

/// The last change of each hour, counted in looks at the journal that found something.
#[derive(Debug, Default)]
struct Changes {
    now: u64,
    hours: BTreeMap<i64, u64>,
    /// Timelines older than this may be wrong.
    trusted: u64,
}

#[derive(Debug, Default)]
struct Kept {
    timelines: HashMap<Key, Slot>,
    uses: u64,
}

#[derive(Debug, Default)]
struct Slot {
    timeline: Arc<AsyncMutex<Timeline>>,
    last_used: u64,
    bytes: usize,
}

/// The numbers of the wanted events, by organisation and hour.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    orgs: HashMap<String, OrgHours>,
    /// The state of the changes for which the numbers are exact.
    at: u64,
    made: Option<Instant>,
    /// Whether a new timeline is being made.
    renewing: bool,
}

/// The numbers of one organisation's events.
#[derive(Debug, Default)]
struct OrgHours {
    hours: BTreeMap<i64, EventTally>,
    /// All hours together.
    all: EventTally,
}

impl From<BTreeMap<i64, EventTally>> for OrgHours {
    fn from(hours: BTreeMap<i64, EventTally>) -> Self {
        let all = hours.values().copied().sum();
        Self { hours, all }
    }
}

impl Timelines {
    /// Makes an empty set of timelines for this archive.
    pub(crate) fn new(archive: &Archive) -> Self {
        Self {
            coll: archive.coll.clone(),
            journal: archive.journal.clone(),
            shared: Arc::default(),
            max_age: MAX_AGE,
        }
    }

    /// Whether a timeline exists for this key, which is then a hub.
    pub(crate) fn has(&self, key: &Key) -> bool {
        lock(&self.shared.kept).timelines.contains_key(key)
    }

    /// Returns the current timeline of the wanted events. The query's range is ignored.
    pub(crate) async fn of(
        &self,
        wanted: &Wanted<'_>,
    ) -> Result<OwnedMutexGuard<Timeline>, StoreError> {
        self.look().await?;
        let key = wanted.key();
        // one caller makes the timeline, and the others wait
        let slot = self.slot(&key);
        let mut timeline = Arc::clone(&slot).lock_owned().await;
        let (now, dirty) = lock(&self.shared.changes).since(timeline.at);
        let age =
            |timeline: &Timeline| timeline.made.map(|made| made.elapsed()).unwrap_or_default();
        let dirty = match dirty {
            Some(dirty) if age(&timeline) <= self.max_age + OVERDUE => dirty,
            _ => {
                *timeline = Timeline::default();
                vec![]
            }
        };
        let known: Vec<&str> = timeline.orgs.keys().map(String::as_str).collect();
        let mut fresh = Vec::new();
        if !known.is_empty() {
            for run in merged(hours::runs(dirty)) {
                fresh.push((
                    run,
                    by_hour(&self.coll, &wanted.among(&known), Some(run)).await?,
                ));
            }
        }
        let orgs = wanted.orgs.iter().copied();
        let missing: Vec<&str> = orgs
            .filter(|org| !timeline.orgs.contains_key(*org))
            .collect();
        let made = match missing.is_empty() {
            true => HashMap::new(),
            false => by_hour(&self.coll, &wanted.among(&missing), None).await?,
        };
        for (run, counts) in fresh {
            timeline.replace(run, counts);
        }
        let missing = missing.into_iter().map(str::to_owned);
        timeline.orgs.extend(of_each(missing, made));
        timeline.made.get_or_insert_with(Instant::now);
        timeline.at = now;
        lock(&self.shared.kept).weigh(&key, timeline.bytes());
        if age(&timeline) > self.max_age && !timeline.renewing {
            timeline.renewing = true;
            let orgs = timeline.orgs.keys().cloned().collect();
            tokio::spawn(renew(self.coll.clone(), wanted.among(&[]), orgs, now, slot));
        }
        Ok(timeline)
    }

    /// Returns the state of this range, which every change in it changes. If the state is the same before and after an
    /// answer is made, nothing changed in between.
    pub(crate) async fn version(&self, range: &TimeRange) -> Result<(u64, u64), StoreError> {
        self.look().await?;
        let changes = lock(&self.shared.changes);
        let within = changes
            .hours
            .iter()
            .filter(|(hour, _)| hours::part(range, **hour) != Part::None);
        Ok((
            changes.trusted,
            within.map(|(_, at)| *at).max().unwrap_or(0),
        ))
    }

    /// Reads the journal up to now. A look that began after several callers asked for one serves all of them.
    async fn look(&self) -> Result<(), StoreError> {
        let ticket = self.shared.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut followed = self.shared.journal.lock().await;
        if followed.answered >= ticket {
            return Ok(());
        }
        let answers = self.shared.asked.load(Ordering::SeqCst);
        if followed.at.is_some_and(|at| at.elapsed() > MAX_SILENCE) {
            followed.seen = Seen::default();
        }
        let began = Instant::now();
        // a look that is cut short would not be noticed by the next one
        let mut seen = std::mem::take(&mut followed.seen);
        let news = seen.look(&self.journal).await;
        let mut changes = lock(&self.shared.changes);
        match news {
            Ok(news) => {
                changes.add(news);
                followed.seen = seen;
            }
            Err(error) => {
                changes.add(News::Anything);
                return Err(error);
            }
        }
        followed.at = Some(began);
        followed.answered = answers;
        Ok(())
    }

    fn slot(&self, key: &Key) -> Arc<AsyncMutex<Timeline>> {
        let mut kept = lock(&self.shared.kept);
        kept.uses += 1;
        let uses = kept.uses;
        let slot = kept.timelines.entry(key.clone()).or_default();
        slot.last_used = uses;
        Arc::clone(&slot.timeline)
    }
}

/// Makes a timeline of these organisations anew, including all changes up to `now`.
async fn renew(
    coll: Documents,
    wanted: Wanted<'static>,
    orgs: Vec<String>,
    now: u64,
    slot: Arc<AsyncMutex<Timeline>>,
) {
    let began = Instant::now();
    let names: Vec<&str> = orgs.iter().map(String::as_str).collect();
    let counts = by_hour(&coll, &wanted.among(&names), None).await;
    let mut timeline = slot.lock().await;
    // if it failed, the next use tries again
    timeline.renewing = false;
    if let Ok(counts) = counts {
        timeline.orgs = of_each(orgs.into_iter(), counts).collect();
        (timeline.at, timeline.made) = (now, Some(began));
    }
}

/// Returns the counts of each of these organisations, also of those that have none.
fn of_each(
    orgs: impl Iterator<Item = String>,
    mut counts: HashMap<String, BTreeMap<i64, EventTally>>,
) -> impl Iterator<Item = (String, OrgHours)> {
    orgs.map(move |org| {
        let hours = counts.remove(&org).unwrap_or_default();
        (org, OrgHours::from(hours))
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Limits the number of runs. Beyond the limit, a single run from the first to the last replaces them.
fn merged(runs: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    match (runs.first(), runs.last()) {
        (Some(first), Some(last)) if runs.len() > MAX_RUNS => vec![(first.0, last.1)],
        _ => runs,
    }
}

impl Changes {
    fn add(&mut self, news: News) {
        match news {
            News::Hours(hours) if hours.is_empty() => {}
            News::Hours(hours) => {
                self.now += 1;
                self.hours
                    .extend(hours.into_iter().map(|hour| (hour, self.now)));
            }
            News::Anything => {
                self.now += 1;
                self.trusted = self.now;
                self.hours.clear();
            }
        }
    }

    /// Returns the current state, and the hours that changed since `at`; `None` if any hour may have changed.
    fn since(&self, at: u64) -> (u64, Option<Vec<i64>>) {
        if at < self.trusted {
            return (self.now, None);
        }
        if at == self.now {
            return (at, Some(vec![]));
        }
        let changed = self.hours.iter().filter(|(_, changed)| **changed > at);
        (self.now, Some(changed.map(|(hour, _)| *hour).collect()))
    }
}

impl Kept {
    /// Records the memory of a timeline, and drops the least recently used ones if all together take too much.
    fn weigh(&mut self, key: &Key, bytes: usize) {
        if let Some(slot) = self.timelines.get_mut(key) {
            slot.bytes = bytes;
        }
        let mut total: usize = self.timelines.values().map(|slot| slot.bytes).sum();
        while total > MAX_BYTES && self.timelines.len() > 1 {
            let oldest = self.timelines.iter().min_by_key(|(_, slot)| slot.last_used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            total -= self.timelines.remove(&oldest).map_or(0, |slot| slot.bytes);
        }
    }
}

impl Timeline {
    /// Returns the numbers of events of these organisations by hour, oldest first, for the hours that touch the range.
    pub(crate) fn hours(&self, orgs: &[&str], range: &TimeRange) -> Hours {
        let mut sum: BTreeMap<i64, u64> = BTreeMap::new();
        for hours in orgs.iter().filter_map(|org| self.orgs.get(*org)) {
            for (&hour, counted) in hours.hours.range(hours::near(range)) {
                *sum.entry(hour).or_default() += counted.events;
            }
        }
        sum.into_iter()
            .filter(|(hour, _)| hours::part(range, *hour) != Part::None)
            .collect()
    }

    /// Counts the events of these organisations in hours that lie wholly in the range.
    pub(crate) fn tally(&self, orgs: &[&str], range: &TimeRange) -> EventTally {
        let orgs = orgs.iter().filter_map(|org| self.orgs.get(*org));
        if range.start.is_none() && range.end.is_none() {
            return orgs.map(|hours| hours.all).sum();
        }
        let hours = orgs.flat_map(|hours| hours.hours.range(hours::near(range)));
        let whole = hours.filter(|(hour, _)| hours::part(range, **hour) == Part::All);
        whole.map(|(_, counted)| *counted).sum()
    }

    fn replace(
        &mut self,
        (first, last): (i64, i64),
        mut counts: HashMap<String, BTreeMap<i64, EventTally>>,
    ) {
        for (org, kept) in &mut self.orgs {
            let mut hours = std::mem::take(&mut kept.hours);
            hours.retain(|hour, _| !(first..=last).contains(hour));
            hours.extend(counts.remove(org).unwrap_or_default());
            *kept = OrgHours::from(hours);
        }
    }

    fn bytes(&self) -> usize {
        self.orgs
            .values()
            .map(|hours| hours.hours.len() * HOUR_BYTES)
            .sum()
    }
}
