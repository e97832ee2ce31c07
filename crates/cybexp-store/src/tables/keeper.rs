//! Keeps the tables of hours: makes those of hours that have rested, and again those that changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use bson::{Bson, RawDocumentBuf};

use crate::archive::ids::OrgTag;
use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::graph::hours::{HOUR_S, hour_of, times};
use crate::graph::journal::{News, Seen};
use crate::mongo::bulk;
use crate::mongo::lease::Lease;
use crate::tables::builder::Builder;
use crate::tables::headers::{self, Made};
use crate::tables::old::{OldChunks, STAY};
use crate::tables::{scan, stored};

const WRITING: &str = "writing the tables of an hour";

/// Time without a note of an hour after which its tables are made.
const REST: Duration = Duration::from_secs(60);
/// Hours whose tables are made in one step.
const HOURS: usize = 20;
/// Hours that are looked at in one step for whether they have tables.
const LOOKED: usize = 200;
/// Hours without events that get tables where there are events on both sides, so that a reader need not look at each gap.
const GAP: i64 = 48;
/// The one item of the lease by which one keeper is at work.
const ITEM: [u8; 12] = *b"hours-tables";

/// Makes the tables of hours; one of all processes is at work.
#[derive(Debug)]
pub struct HourKeeper {
    archive: Archive,
    lease: Lease,
    seen: Seen,
    /// Hours whose tables are to be made, and when they last changed.
    pending: BTreeMap<i64, Instant>,
    /// Organisations whose hours are to be looked at, with the time before which that goes on.
    unseen: Vec<(OrgTag, Option<f64>)>,
    begun: bool,
    old: OldChunks,
    rest: Duration,
}

impl HourKeeper {
    /// Makes a keeper of this archive, which first looks at all hours.
    pub async fn open(archive: &Archive) -> Result<Self, StoreError> {
        Ok(Self {
            lease: Lease::open(&archive.server, &archive.db, "hours").await?,
            archive: archive.clone(),
            seen: Seen::default(),
            pending: BTreeMap::new(),
            unseen: Vec::new(),
            begun: false,
            old: OldChunks::default(),
            rest: REST,
        })
    }

    /// Makes tables without waiting until hours have rested, for tests and benchmarks.
    pub fn without_rest(mut self) -> Self {
        self.rest = Duration::ZERO;
        self
    }

    /// Makes the tables of some hours that are over at `now`, in Unix seconds, and returns whether there is more to do at
    /// once.
    pub async fn step(&mut self, now: f64) -> Result<bool, StoreError> {
        let item = ObjectId::from_bytes(ITEM);
        if self.lease.take(vec![item.into()]).await?.is_empty() {
            // another keeper is at work: after it, all hours are looked at again
            self.begun = false;
            self.old = OldChunks::default();
            return Ok(false);
        }
        self.look().await?;
        if !self.begun {
            let orgs = scan::orgs(&self.archive.coll).await?;
            self.unseen = orgs.into_iter().map(|org| (org, None)).collect();
            self.begun = true;
        }
        self.look_at_hours().await?;
        let mut made = 0;
        for hour in self.ripe(now) {
            made += usize::from(self.make(hour).await?);
        }
        let stay = STAY.min(self.rest * 3);
        let searching = self.old.step(&self.archive.hours, stay).await?;
        Ok(searching || !self.unseen.is_empty() || (made > 0 && !self.ripe(now).is_empty()))
    }

    /// Returns the hours whose tables can be made.
    fn ripe(&self, now: f64) -> Vec<i64> {
        let over = hour_of(now);
        let pending = self.pending.iter().filter(|(hour, changed)| {
            **hour < over && headers::number(**hour).is_some() && changed.elapsed() >= self.rest
        });
        // the newest first: they are asked for most
        pending.map(|(hour, _)| *hour).rev().take(HOURS).collect()
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        // a look that is cut short would not be noticed by the next one
        let mut seen = std::mem::take(&mut self.seen);
        let news = seen.look(&self.archive.journal).await?;
        self.seen = seen;
        match news {
            News::Hours(hours) => {
                let now = Instant::now();
                self.pending
                    .extend(hours.into_iter().map(|hour| (hour, now)));
            }
            News::Anything => self.begun = false,
        }
        Ok(())
    }

    /// Looks for hours with events that have no right tables, newest first.
    async fn look_at_hours(&mut self) -> Result<(), StoreError> {
        for _ in 0..LOOKED {
            let Some((org, before)) = self.unseen.last().copied() else {
                return Ok(());
            };
            let newest = scan::newest_time(&self.archive.coll, &org, before).await?;
            let number = newest.and_then(|at| headers::number(hour_of(at)));
            let Some(hour) = number else {
                self.unseen.pop();
                continue;
            };
            if let Some(last) = self.unseen.last_mut() {
                last.1 = Some(f64::from(hour) * HOUR_S);
            }
            // a keeper may have died before it made those of the hours without events up to the next one with some
            let next = before
                .map(hour_of)
                .filter(|next| *next <= i64::from(hour) + GAP);
            let end = next.map_or(hour, |next| headers::number(next - 1).unwrap_or(hour));
            let right = self.right(hour, end).await?;
            self.add_missing(&right, i64::from(hour)..=i64::from(end));
        }
        Ok(())
    }

    /// Returns those of these hours that have right tables.
    async fn right(&self, first: u32, last: u32) -> Result<BTreeSet<i64>, StoreError> {
        let found = headers::read(&self.archive.hours, first, last).await?;
        let right = found.iter().filter(|header| header.made.is_some());
        Ok(right.map(|header| header.hour).collect())
    }

    fn add_missing(&mut self, right: &BTreeSet<i64>, hours: RangeInclusive<i64>) {
        let missing = hours.filter(|hour| !right.contains(hour));
        missing.for_each(|hour| self.add(hour));
    }

    fn add(&mut self, hour: i64) {
        let now = Instant::now();
        let rested = now.checked_sub(self.rest).unwrap_or(now);
        self.pending.entry(hour).or_insert(rested);
    }

    /// Makes the tables of an hour, unless it is changing. Returns whether they were made.
    async fn make(&mut self, hour: i64) -> Result<bool, StoreError> {
        let Some(number) = headers::number(hour) else {
            return Ok(false);
        };
        let changed = self.pending.get(&hour).copied();
        let coll = self.archive.hours.clone();
        let Some(begun) = headers::begin(&coll, number).await? else {
            return Ok(false);
        };
        // a change that was begun before is still noted, and a later one counts up the header
        self.look().await?;
        if self.pending.get(&hour).copied() != changed {
            return Ok(false);
        }
        let made: Made = rand::random();
        let mut written = Vec::new();
        for org in scan::orgs(&self.archive.coll).await? {
            written.extend(self.write(&org, number, made).await?);
        }
        let right = headers::end(&coll, &begun, number, made, &written).await?;
        let old = match right {
            true => begun.written,
            false => written,
        };
        self.old.retire(&coll, number, old).await?;
        if right {
            self.pending.remove(&hour);
            self.fill(number).await?;
        }
        Ok(right)
    }

    /// Writes the tables of an organisation, and returns the ids of their chunks.
    async fn write(&self, org: &OrgTag, hour: u32, made: Made) -> Result<Vec<Bson>, StoreError> {
        let (mut ids, mut from, mut n) = (Vec::new(), Some(0), 0_u16);
        while let Some(begin) = from {
            let mut builder = Builder::new(None, begin);
            let events = scan::events(org, times(i64::from(hour), i64::from(hour)));
            let mut rows = events.rows(&self.archive.coll).await?;
            while let Some(event) = rows.next().await? {
                builder.add(&event);
            }
            let (chunks, next) = builder.end();
            from = next;
            let mut documents = Vec::new();
            for chunk in chunks {
                documents.push(stored::document(org, hour, made, n, chunk)?);
                n = n.saturating_add(1);
            }
            let (new, documents): (Vec<Bson>, Vec<RawDocumentBuf>) = documents.into_iter().unzip();
            if new.is_empty() {
                continue;
            }
            headers::writing(&self.archive.hours, hour, &new).await?;
            bulk::insert_whole(&self.archive.hours, &documents, WRITING).await?;
            ids.extend(new);
        }
        Ok(ids)
    }

    /// Has tables made of the hours without events between this one and its neighbours that have some.
    async fn fill(&mut self, hour: u32) -> Result<(), StoreError> {
        let gap = GAP as u32;
        let (first, last) = (hour.saturating_sub(gap).max(1), hour.saturating_add(gap));
        let right = self.right(first, last).await?;
        if let (Some(first), Some(last)) = (right.first(), right.last()) {
            self.add_missing(&right, *first..=*last);
        }
        Ok(())
    }
}
