//! The sweep of an archive, a step at a time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bson::oid::ObjectId;

use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::graph::write::news::SecondStage;
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk::WRITE_TIME;
use crate::mongo::collection::from_document;
use crate::mongo::lease::LEASE;
use crate::sweep::raws::{self, OldRaw};
use crate::sweep::{nodes, orgs, turn, values};

/// Time after which the turn is kept anew, well before it ends.
const TURN: Duration = Duration::from_secs(30);

/// Name in `archive.keep` of all typetags that it does not name.
pub(crate) const OTHERS: &str = "*";

/// Numbers of what a step removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Raws.
    pub raws: u64,
    /// Events.
    pub events: u64,
    /// Attributes and objects.
    pub nodes: u64,
    /// Sessions.
    pub sessions: u64,
    /// Whether there may be more to do at once.
    pub more: bool,
}

/// Times that the sweep waits.
#[derive(Debug, Clone, Copy)]
struct Waits {
    /// From noting nodes until they are looked at: the events that name them are deleted by then.
    settled: Duration,
    /// From marking a node that nothing names until it is deleted.
    going: Duration,
    /// From deleting a raw until no worker can have it in hand.
    in_hand: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            settled: WRITE_TIME.saturating_mul(2),
            going: Duration::from_secs(600),
            in_hand: LEASE + WRITE_TIME.saturating_mul(2),
        }
    }
}

/// Removes what an archive need not keep any more.
#[derive(Debug)]
pub struct Sweep {
    archive: Archive,
    writer: GraphWriter,
    token: ObjectId,
    /// The time at which this process took or kept the turn last.
    turn: Option<Instant>,
    waits: Waits,
    /// Seconds for which raws are kept, by typetag.
    keep: BTreeMap<String, f64>,
    /// The place of the pass over old raws.
    place: Place,
    searched: bool,
}

/// A place among the raws, by typetag and time.
#[derive(Debug, Clone, Default)]
struct Place {
    typetag: String,
    from: f64,
}

impl Sweep {
    /// Makes a sweep that keeps raws for this many seconds, by typetag; `*` stands for all that are not named. Raws of
    /// other typetags stay for ever.
    pub fn new(archive: &Archive, keep: BTreeMap<String, f64>) -> Self {
        Self {
            archive: archive.clone(),
            writer: GraphWriter::new(archive),
            token: ObjectId::new(),
            turn: None,
            waits: Waits::default(),
            keep,
            place: Place::default(),
            searched: false,
        }
    }

    /// Returns the same sweep with the names of the filters of the second stage, whose events go with what they were derived
    /// from.
    #[must_use]
    pub fn with_second_stage(mut self, filters: Vec<&'static str>) -> Self {
        // what a filter reads matters to those that write sessions
        self.writer = self.writer.with_second_stage(SecondStage {
            attributes: filters,
            ..SecondStage::default()
        });
        self
    }

    /// Waits nowhere, as nothing else may be at work.
    #[cfg(any(test, feature = "inspect"))]
    #[must_use]
    pub fn without_waits(mut self) -> Self {
        self.waits = Waits {
            settled: Duration::ZERO,
            going: Duration::ZERO,
            in_hand: Duration::ZERO,
        };
        self
    }

    /// Does a small part of the work, at this time in Unix seconds. Of several processes only one does anything.
    pub async fn step(&mut self, now: f64) -> Result<Swept, StoreError> {
        if self.turn.is_none_or(|since| since.elapsed() > TURN) {
            self.turn = None;
            if !turn::take(&self.archive.going, self.token).await? {
                return Ok(Swept::default());
            }
            self.turn = Some(Instant::now());
        }
        if !self.searched {
            orgs::complete(&self.archive).await?;
            self.searched = true;
        }
        let removed = nodes::remove(&self.archive, self.waits.going).await?;
        let (looked, derived) =
            nodes::look(&self.archive, &self.writer, self.waits.settled).await?;
        let values = values::look_again(&self.archive, self.waits.going).await?;
        let (again, events) =
            raws::look_again(&self.archive, &self.writer, self.waits.in_hand).await?;
        let mut swept = self.old_raws(now).await?;
        swept.more |= removed.looked + looked + values + again > 0;
        swept.events += events + derived;
        swept.nodes += removed.nodes;
        swept.sessions += removed.sessions;
        Ok(swept)
    }

    /// Removes the next raws that are too old. At the end of a pass there are no more, and the next step begins another.
    async fn old_raws(&mut self, now: f64) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        if self.keep.is_empty() {
            return Ok(swept);
        }
        let Some(typetag) = self.typetag().await? else {
            self.place = Place::default();
            return Ok(swept);
        };
        swept.more = true;
        let keep = self.keep.get(&typetag).or_else(|| self.keep.get(OTHERS));
        let mut page: Vec<OldRaw> = Vec::new();
        if let Some(keep) = keep {
            let find = raws::older(&typetag, self.place.from, now - keep);
            page = find.read(&self.archive.coll).await?;
        }
        let Some(last) = page.last().map(|raw| raw.timestamp) else {
            self.place = Place { typetag, from: 0.0 };
            return Ok(swept);
        };
        page.retain(|raw| raw.todo.is_empty());
        let removed = raws::remove(&self.archive, &self.writer, &page).await?;
        swept.raws = removed.raws;
        swept.events = removed.events;
        // raws that wait for a filter are passed over; a page may be of one time, and have others behind it
        if last > self.place.from {
            self.place.from = last;
        } else if removed.raws == 0 {
            self.place.from = last.next_up();
        }
        Ok(swept)
    }

    /// Returns the typetag at which the pass is: the first one behind the last one that was done.
    async fn typetag(&self) -> Result<Option<String>, StoreError> {
        let find = raws::typetag_after(&self.place.typetag);
        let found = find.all(&self.archive.coll).await?;
        #[derive(serde::Deserialize)]
        struct Typetag {
            sub_type: String,
        }
        let found = found
            .iter()
            .find_map(|row| from_document::<Typetag>(row).ok());
        Ok(found.map(|typetag| typetag.sub_type))
    }

    /// Returns the time of the oldest raw of each typetag that is not kept for ever, in Unix seconds.
    pub async fn oldest(&self) -> Result<BTreeMap<String, f64>, StoreError> {
        let mut oldest = BTreeMap::new();
        for typetag in self.keep.keys().filter(|typetag| *typetag != OTHERS) {
            if let Some(time) = raws::oldest(&self.archive, typetag).await? {
                oldest.insert(typetag.clone(), time);
            }
        }
        Ok(oldest)
    }
}
