//! Pages of events, each at the same cost: a distant page is searched from the hour in which it begins.

use std::cmp::Ordering;
use std::collections::HashMap;

use bson::doc;
use futures::future::try_join_all;
use serde::Deserialize;
use tahoe_core::question::Conditions;

use crate::error::StoreError;
use crate::graph::hours::{self, Hours, Part};
use crate::graph::read::reader::GraphReader;
use crate::graph::read::rows::{self, CompositeRow};
use crate::graph::read::wanted::{Wanted, order, range, within};
use crate::mongo::find::Find;
use crate::visible::Visible;

/// The most events that are skipped one by one.
const SKIP: u64 = 500;

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

/// The place of an event in the order of pages. Two events that share it would begin with the same 8 bytes of SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct Place {
    pub(crate) timestamp: f64,
    #[serde(rename = "_tie")]
    pub(crate) tie: i64,
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
        let size = size as usize;
        let wanted = Wanted::new(of, visible);
        if let (0, [whole]) = (skip, &wanted.parts()[..]) {
            let mut rows = first(whole, size).each(&self.coll).await?;
            // an event that cannot be read has its place on a page, too
            let more = rows.len() > size;
            rows.truncate(size);
            let events = rows.into_iter().filter_map(|row| row.read.ok());
            return Ok(EventPage {
                events: events.collect(),
                more,
            });
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
            return Ok((skip < few.len() as u64).then_some(near));
        }
        let mut before = 0;
        for (hour, whole) in self.hours(wanted).await?.into_iter().rev() {
            let n = match hours::part(&wanted.range, hour) {
                Part::All => whole,
                _ => self.tally_part(wanted, hour).await?.events,
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
        let places = match &wanted.parts()[..] {
            [whole] => places(whole, start, size).read::<Place>(&self.coll).await?,
            parts => {
                let all = Start { skip: 0, ..start };
                let reads = parts.iter().map(|part| {
                    let find = places(part, all, start.skip as usize + size);
                    find.read::<Place>(&self.coll)
                });
                let mut places: Vec<Place> =
                    try_join_all(reads).await?.into_iter().flatten().collect();
                places.sort_by(Place::newer);
                let places = places.into_iter().skip(start.skip as usize);
                places.take(size + 1).collect()
            }
        };
        let more = places.len() > size;
        let events = self.at(wanted.find(), &places[..size.min(places.len())]);
        Ok(EventPage {
            events: events.await?,
            more,
        })
    }

    /// Returns those of the events that `find` finds which are at these places, in their order.
    pub(crate) async fn at(
        &self,
        find: Find,
        places: &[Place],
    ) -> Result<Vec<CompositeRow>, StoreError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let found: Vec<CompositeRow> = at(find, places).read(&self.coll).await?;
        let mut rows: HashMap<(u64, i64), CompositeRow> = found
            .into_iter()
            .filter_map(|row| Some(((row.timestamp?.to_bits(), row.tie), row)))
            .collect();
        let found = places.iter();
        Ok(found
            .filter_map(|place| rows.remove(&(place.timestamp.to_bits(), place.tie)))
            .collect())
    }

    /// Counts these events by hour.
    pub(crate) async fn hours(&self, wanted: &Wanted<'_>) -> Result<Hours, StoreError> {
        let timeline = self.timelines.of(wanted).await?;
        Ok(timeline.hours(&wanted.orgs, &wanted.range))
    }
}

impl Place {
    /// Compares by the order of pages.
    pub(crate) fn newer(&self, other: &Self) -> Ordering {
        let times = other.timestamp.total_cmp(&self.timestamp);
        times.then(self.tie.cmp(&other.tie))
    }

    /// Whether this is the place of an event.
    pub(crate) fn is_of(&self, row: &CompositeRow) -> bool {
        row.timestamp == Some(self.timestamp) && row.tie == self.tie
    }
}

impl EventPage {
    pub(crate) fn of(mut events: Vec<CompositeRow>, size: usize) -> Self {
        let more = events.len() > size;
        events.truncate(size);
        Self { events, more }
    }
}

/// Finds the events of the first page and one more.
pub(crate) fn first(wanted: &Wanted<'_>, size: usize) -> Find {
    wanted
        .find()
        .project(rows::composite())
        .sort(order())
        .limit(size as i64 + 1)
}

/// Finds the places of a page's events and one more, from the index alone.
pub(crate) fn places(wanted: &Wanted<'_>, start: Start, size: usize) -> Find {
    let times = match start.hour {
        Some(hour) => within(hours::times(0, hour), &wanted.range),
        None => range(&wanted.range),
    };
    wanted
        .find_at(times)
        .project(place())
        .sort(order())
        .skip(start.skip)
        .limit(size as i64 + 1)
}

/// Makes the projection of a [`Place`].
pub(crate) fn place() -> bson::Document {
    doc! {"_id": 0, "timestamp": 1, "_tie": 1}
}

/// Finds the events at these places, which are in order, among others between them.
pub(crate) fn at(mut find: Find, places: &[Place]) -> Find {
    let ties: Vec<i64> = places.iter().map(|place| place.tie).collect();
    if let (Some(newest), Some(oldest)) = (places.first(), places.last()) {
        let times = doc! {"$gte": oldest.timestamp, "$lte": newest.timestamp};
        find.filter.insert("timestamp", times);
    }
    find.filter.insert("_tie", doc! {"$in": ties});
    let mut fields = rows::composite();
    fields.insert("_tie", 1);
    find.project(fields)
}
