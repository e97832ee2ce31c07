//! Pages of events, each at the same cost: a distant page is searched from the hour in which it begins.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use bson::doc;
use futures::future::try_join_all;
use serde::Deserialize;
use tahoe_core::question::{Conditions, Context};
use tahoe_core::{Hash, OrgId};

use crate::error::StoreError;
use crate::graph::hours::{self, Hours, Part};
use crate::graph::read::hex::hex;
use crate::graph::read::lookup::{self, CompositeRow};
use crate::graph::read::reader::GraphReader;
use crate::graph::read::wanted::{Wanted, Within, range, within};
use crate::mongo::find::Find;
use crate::visible::Visible;

/// The most events that are skipped one by one.
const SKIP: u64 = 500;
/// The most points of the index, each a subject and an organisation, that the server merges in order. For more, it
/// would sort all events.
const POINTS: usize = 100;

/// A page of the events of a query, newest first.
#[derive(Debug, Default)]
pub struct EventPage {
    /// The events of the page.
    pub events: Vec<CompositeRow>,
    /// Whether there are more events behind the page.
    pub more: bool,
}

/// The start of a page: a number of events after the end of an hour, or after the end of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub hour: Option<i64>,
    pub skip: u64,
}

/// An event, with its place in the order of pages.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Place {
    pub(crate) _hash: Hash,
    pub(crate) orgid: String,
    pub(crate) timestamp: f64,
}

impl GraphReader {
    /// Returns the events that meet the conditions, `size` of them from the `page`th page (from 1) on.
    pub async fn events(
        &self,
        of: &Conditions,
        visible: &Visible,
        page: u32,
        size: u32,
    ) -> Result<EventPage, StoreError> {
        let skip = u64::from(page.saturating_sub(1)) * u64::from(size);
        let (skip, size) = (skip, size as usize);
        let Some(wanted) = Wanted::of(of, visible).filter(|_| of.category.is_none()) else {
            return self.sparse_events(of, visible, skip, size).await;
        };
        if skip == 0 && visible.0.len() <= orgs_at_once(of.subjects.len()) {
            let rows = first(of, visible, size).read(&self.coll).await?;
            return Ok(EventPage::of(rows, size));
        }
        match self.start(&wanted, skip).await? {
            Some(start) => self.page_from(&wanted, start, size).await,
            None => Ok(EventPage::default()),
        }
    }

    /// Returns the start of the event that has `skip` events before it; `None` if there are no more events.
    async fn start(&self, wanted: &Wanted<'_>, skip: u64) -> Result<Option<Start>, StoreError> {
        let near = Start { hour: None, skip };
        if skip <= SKIP {
            return Ok(Some(near));
        }
        if let Some(few) = self.few(wanted).await? {
            return Ok((skip < few).then_some(near));
        }
        let mut before = 0;
        for (hour, whole) in self.hours(wanted).await?.into_iter().rev() {
            let n = match hours::part(&wanted.range, hour) {
                Part::All => whole,
                _ => self.count_part(wanted, hour).await?,
            };
            if before + n > skip {
                let (hour, skip) = (Some(hour), skip - before);
                return Ok(Some(Start { hour, skip }));
            }
            before += n;
        }
        Ok(None)
    }

    async fn page_from(
        &self,
        wanted: &Wanted<'_>,
        start: Start,
        size: usize,
    ) -> Result<EventPage, StoreError> {
        let parts: Vec<&[&str]> = wanted
            .orgs
            .chunks(orgs_at_once(wanted.subjects.len()))
            .collect();
        let places = match parts[..] {
            [_] => {
                places(wanted, start, size)
                    .read::<Place>(&self.coll)
                    .await?
            }
            _ => {
                let all = Start { skip: 0, ..start };
                let reads = parts.iter().map(|orgs| {
                    let find = places(&wanted.among(orgs), all, start.skip as usize + size);
                    find.read::<Place>(&self.coll)
                });
                let mut places: Vec<Place> =
                    try_join_all(reads).await?.into_iter().flatten().collect();
                places.sort_by(Place::newer);
                places
                    .into_iter()
                    .skip(start.skip as usize)
                    .take(size + 1)
                    .collect()
            }
        };
        Ok(EventPage::of(self.at(&places).await?, size))
    }

    /// Returns the events at these places, in their order.
    pub(crate) async fn at(&self, places: &[Place]) -> Result<Vec<CompositeRow>, StoreError> {
        let orgs = places
            .iter()
            .filter_map(|place| OrgId::new(&place.orgid).ok())
            .collect();
        let hashes: Vec<Hash> = places.iter().map(|place| place._hash).collect();
        let rows = self.visible_events(&hashes, &Visible(orgs)).await?;
        let mut rows: HashMap<Hash, CompositeRow> =
            rows.into_iter().map(|row| (row.hash, row)).collect();
        Ok(hashes.iter().filter_map(|hash| rows.remove(hash)).collect())
    }

    /// Returns a page of events between which the index may hold many others. Only hours that have wanted events are
    /// read.
    async fn sparse_events(
        &self,
        of: &Conditions,
        visible: &Visible,
        skip: u64,
        size: usize,
    ) -> Result<EventPage, StoreError> {
        let wanted = Wanted::of(of, visible).unwrap_or(Wanted::new(of, Within::All, visible));
        let hub = self.few(&wanted).await?.is_none();
        let hours: Hours = match hub {
            true if of.context == Context::Unknown => self.unknown_hours(of, visible).await?,
            true => self.hours(&wanted).await?,
            false => vec![(i64::MAX, u64::MAX)],
        };
        let (mut before, mut rows) = (0, Vec::new());
        for (hour, n) in hours.into_iter().rev() {
            if hub && hours::part(&of.range, hour) == Part::All && before + n <= skip {
                before += n;
                continue;
            }
            let mut find = events(of, visible);
            if hub {
                let times = within(hours::times(hour, hour), &of.range);
                find.filter.insert("timestamp", times);
            }
            let missing = size + 1 - rows.len();
            let left = skip.saturating_sub(before);
            let find = ordered(find).limit((left as usize + missing) as i64);
            let found: Vec<CompositeRow> = find.read(&self.coll).await?;
            before += found.len() as u64;
            rows.extend(found.into_iter().skip(left as usize));
            if rows.len() > size {
                break;
            }
        }
        Ok(EventPage::of(rows, size))
    }

    /// Counts these events by hour.
    pub(crate) async fn hours(&self, wanted: &Wanted<'_>) -> Result<Hours, StoreError> {
        let timeline = self.timelines.of(wanted).await?;
        Ok(timeline.hours(&wanted.orgs, &wanted.range))
    }

    /// Counts the events in neither context by hour. No index has them.
    pub(crate) async fn unknown_hours(
        &self,
        of: &Conditions,
        visible: &Visible,
    ) -> Result<Hours, StoreError> {
        let mut sum: BTreeMap<i64, i64> = BTreeMap::new();
        let mut totals = Vec::new();
        for (within, sign) in [
            (Within::All, 1),
            (Within::Malicious, -1),
            (Within::Benign, -1),
        ] {
            let wanted = Wanted::new(of, within, visible);
            let hours = self.hours(&wanted).await?;
            totals.push(hours.iter().map(|(_, n)| n).sum());
            add(&mut sum, hours, sign);
        }
        if let Some(both) = self.both(of, visible, totals[1], totals[2]) {
            add(&mut sum, self.hours(&both).await?, 1);
        }
        let any = sum.into_iter().filter(|(_, n)| *n > 0);
        Ok(any.map(|(hour, n)| (hour, n.cast_unsigned())).collect())
    }
}

/// Returns the number of organisations that one read may name.
pub(crate) fn orgs_at_once(subjects: usize) -> usize {
    (POINTS / subjects.max(1)).max(1)
}

fn add(sum: &mut BTreeMap<i64, i64>, hours: Hours, sign: i64) {
    for (hour, n) in hours {
        *sum.entry(hour).or_default() += sign * n.cast_signed();
    }
}

impl Place {
    /// Compares by the order of pages: newest first, equal times by hash.
    pub(crate) fn newer(&self, other: &Self) -> Ordering {
        let times = other.timestamp.total_cmp(&self.timestamp);
        times.then(self._hash.cmp(&other._hash))
    }
}

impl EventPage {
    pub(crate) fn of(mut events: Vec<CompositeRow>, size: usize) -> Self {
        let more = events.len() > size;
        events.truncate(size);
        Self { events, more }
    }
}

/// Finds the events that meet the conditions, in no order.
pub(crate) fn events(of: &Conditions, visible: &Visible) -> Find {
    match Wanted::of(of, visible) {
        Some(wanted) => wanted.find(),
        None => {
            let mut find = Wanted::new(of, Within::All, visible).find();
            let subjects = hex(&of.subjects);
            find.filter.insert("_mal_ref", doc! {"$nin": &subjects});
            find.filter.insert("_ben_ref", doc! {"$nin": subjects});
            find
        }
    }
}

/// Finds the events of the first page and one more, newest first, equal times by hash.
pub(crate) fn first(of: &Conditions, visible: &Visible, size: usize) -> Find {
    ordered(events(of, visible)).limit(size as i64 + 1)
}

fn ordered(find: Find) -> Find {
    find.project(lookup::composite())
        .sort(doc! {"timestamp": -1, "_hash": 1})
}

/// Finds the places of a page's events and one more, from the index alone.
pub(crate) fn places(wanted: &Wanted<'_>, start: Start, size: usize) -> Find {
    let times = match start.hour {
        Some(hour) => within(hours::times(0, hour), &wanted.range),
        None => range(&wanted.range),
    };
    wanted
        .find_at(times)
        .project(doc! {"_id": 0, "_hash": 1, "orgid": 1, "timestamp": 1})
        .sort(doc! {"timestamp": -1, "_hash": 1})
        .skip(start.skip)
        .limit(size as i64 + 1)
}
