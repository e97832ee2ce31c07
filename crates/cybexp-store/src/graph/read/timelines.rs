//! How many events there are of a hub, hour by hour: made once by the index, kept in memory, and kept exact.
//!
//! Each use asks the journal first which hours got events since, and counts these anew. So an answer holds all that was
//! written by [`GraphWriter`](crate::GraphWriter) before it was asked for. What is changed by hand is seen when a timeline is made
//! anew: after [`MAX_AGE`] this is begun, and nobody waits for it until it is [`OVERDUE`].

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
use crate::graph::read::wanted::{Key, Wanted};
use crate::mongo::collection::Documents;

/// The most memory of all timelines, about.
const MAX_BYTES: usize = 64 << 20;
/// Of an hour of an organisation.
const HOUR_BYTES: usize = 32;
/// When a timeline is made anew, for events may have been edited by hand.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// How much older one may be that still serves meanwhile.
const OVERDUE: Duration = Duration::from_secs(3600);
/// The journal keeps its notes for a day.
const MAX_SILENCE: Duration = Duration::from_secs(12 * 3600);
/// So many gaps between changed hours, and they are counted as one with what is between them.
const MAX_RUNS: usize = 8;

/// All timelines of an archive; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Timelines {
    coll: Documents,
    journal: Documents,
    shared: Arc<Inner>,
    /// [`MAX_AGE`], but in tests.
    pub(crate) max_age: Duration,
}

#[derive(Debug, Default)]
struct Inner {
    /// Looks at the journal that were asked for, and the last of them that was answered.
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

/// When hours were changed last, counted in looks at the journal that found something.
#[derive(Debug, Default)]
struct Changes {
    now: u64,
    hours: BTreeMap<i64, u64>,
    /// What is older than this is not known to be right.
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

/// The events that are wanted, by organisation and hour.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    orgs: HashMap<String, BTreeMap<i64, u64>>,
    /// Of what is known of changes.
    at: u64,
    made: Option<Instant>,
    /// Whether another one is being made.
    renewing: bool,
}

impl Timelines {
    /// None yet, of this archive.
    pub(crate) fn new(archive: &Archive) -> Self {
        Self {
            coll: archive.coll.clone(),
            journal: archive.journal.clone(),
            shared: Arc::default(),
            max_age: MAX_AGE,
        }
    }

    /// Whether there is one: then it is a hub.
    pub(crate) fn has(&self, key: &Key) -> bool {
        lock(&self.shared.kept).timelines.contains_key(key)
    }

    /// The timeline of what is wanted, whatever the range, as it is now.
    pub(crate) async fn of(
        &self,
        wanted: &Wanted<'_>,
    ) -> Result<OwnedMutexGuard<Timeline>, StoreError> {
        self.look().await?;
        let key = wanted.key();
        // one makes it, the others wait
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

    /// How often something changed in this range; the same number before and after says that nothing did.
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

    /// Learns what was written until now. A look that began after it was asked for serves all who wait.
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
        // half a look would not be noticed by the next one
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

/// Makes a timeline anew of these organisations, in which all changes up to `now` are counted.
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
    // where it failed the next use tries again
    timeline.renewing = false;
    if let Ok(counts) = counts {
        timeline.orgs = of_each(orgs.into_iter(), counts).collect();
        (timeline.at, timeline.made) = (now, Some(began));
    }
}

/// The counts of each of these organisations; one that has none is among them, too.
fn of_each(
    orgs: impl Iterator<Item = String>,
    mut counts: HashMap<String, BTreeMap<i64, u64>>,
) -> impl Iterator<Item = (String, BTreeMap<i64, u64>)> {
    orgs.map(move |org| {
        let hours = counts.remove(&org).unwrap_or_default();
        (org, hours)
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Not too many runs: one from the first to the last instead.
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

    /// Now, and the hours that changed since; none if it may be any.
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
    /// Notes what a timeline weighs, and forgets those longest not used where it is too much in all.
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
    /// How many events there are in these hours of these organisations, oldest first, as far as they touch the range.
    pub(crate) fn hours(&self, orgs: &[&str], range: &TimeRange) -> Hours {
        let mut sum: BTreeMap<i64, u64> = BTreeMap::new();
        for hours in orgs.iter().filter_map(|org| self.orgs.get(*org)) {
            for (&hour, n) in hours {
                *sum.entry(hour).or_default() += n;
            }
        }
        sum.into_iter()
            .filter(|(hour, _)| hours::part(range, *hour) != Part::None)
            .collect()
    }

    /// How many events are in hours that lie wholly in the range.
    pub(crate) fn sum(&self, orgs: &[&str], range: &TimeRange) -> u64 {
        let hours = orgs.iter().filter_map(|org| self.orgs.get(*org)).flatten();
        let whole = hours.filter(|(hour, _)| hours::part(range, **hour) == Part::All);
        whole.map(|(_, n)| n).sum()
    }

    fn replace(&mut self, (first, last): (i64, i64), counts: HashMap<String, BTreeMap<i64, u64>>) {
        for (org, hours) in &mut self.orgs {
            hours.retain(|hour, _| !(first..=last).contains(hour));
            hours.extend(
                counts
                    .get(org)
                    .into_iter()
                    .flatten()
                    .map(|(hour, n)| (*hour, *n)),
            );
        }
    }

    fn bytes(&self) -> usize {
        self.orgs
            .values()
            .map(|hours| hours.len() * HOUR_BYTES)
            .sum()
    }
}
