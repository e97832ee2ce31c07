//! Events of sessions that are identified by an instance, such as a sensor, to which the events themselves do not
//! refer.

use bson::{Bson, doc};
use futures::future::try_join_all;
use serde::Deserialize;
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::Calendar;

use crate::archive::ids::{OrgTag, SessionId};
use crate::archive::stored;
use crate::error::StoreError;
use crate::graph::read::histogram::{Histogram, StepCount};
use crate::graph::read::lookup::events_of_sessions;
use crate::graph::read::pages::{EventPage, Place, place};
use crate::graph::read::reader::GraphReader;
use crate::graph::read::seen::Seen;
use crate::graph::read::wanted::{POINTS, Wanted, range};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::SESSION_KNOWN;
use crate::visible::Visible;

/// The most events of sessions that one query reads, and the most sessions.
const MOST: usize = 20_000;

/// The events of some sessions that meet the conditions, newest first.
#[derive(Debug, Default)]
pub struct SessionEvents {
    places: Vec<Place>,
    /// The queries that find the events: those of the sessions, a part at a time, and those that refer to a subject
    /// themselves.
    finds: Vec<Find>,
    /// Whether there may be more events, in sessions that began earlier.
    pub cut: bool,
}

/// A session that a subject identifies.
#[derive(Deserialize)]
struct Known {
    #[serde(rename = "_id")]
    id: SessionId,
    #[serde(default)]
    start_time: Option<f64>,
}

impl GraphReader {
    /// Returns the events that meet the conditions: events of the sessions that one of the subjects identifies, of
    /// which those that began last are read first, and events that refer to a subject themselves. `None` if no subject
    /// identifies a session.
    pub async fn session_events(
        &self,
        of: &Conditions,
        visible: &Visible,
    ) -> Result<Option<SessionEvents>, StoreError> {
        let mut ids = self.known_by(of, visible, MOST).await?;
        if ids.is_empty() {
            return Ok(None);
        }
        let mut events = SessionEvents {
            cut: ids.len() > MOST,
            ..SessionEvents::default()
        };
        // sessions refer to nothing in a context
        if matches!(of.context, Context::Malicious | Context::Benign) {
            ids.clear();
        }
        let direct = Wanted::new(of, visible).find();
        let finds = ids.chunks(ASK).map(|part| among(part, of));
        for find in std::iter::once(direct).chain(finds) {
            let room = (MOST + 1).saturating_sub(events.places.len());
            let places = find.clone().project(place()).limit(room.max(1) as i64);
            events
                .places
                .extend(places.read::<Place>(&self.coll).await?);
            events.finds.push(find);
            if events.places.len() > MOST {
                events.cut = true;
                break;
            }
        }
        events.places.sort_by(Place::newer);
        events.places.dedup();
        // must not reveal that other organisations have such sessions
        events.cut &= !events.places.is_empty();
        Ok(Some(events))
    }

    /// Returns the sessions that one of the subjects identifies, those that began last first, up to a number of them and
    /// one more.
    pub(crate) async fn known_by(
        &self,
        of: &Conditions,
        visible: &Visible,
        most: usize,
    ) -> Result<Vec<SessionId>, StoreError> {
        let orgs = visible.orgs();
        let at_once = (POINTS / of.subjects.len().max(1)).max(1);
        let parts = orgs.chunks(at_once);
        let reads = parts.map(|orgs| {
            let find = sessions(of, orgs).limit(most as i64 + 1);
            find.read::<Known>(&self.coll)
        });
        let found = try_join_all(reads).await?.into_iter().flatten();
        let mut found: Vec<Known> = found.collect();
        if orgs.len() > at_once {
            let start = |known: &Known| known.start_time.unwrap_or(f64::NEG_INFINITY);
            found.sort_by(|a, b| start(b).total_cmp(&start(a)));
            found.truncate(most + 1);
        }
        Ok(found.into_iter().map(|known| known.id).collect())
    }

    /// Returns a page of these events, `size` from the `page`th page (from 1) on.
    pub async fn session_page(
        &self,
        events: &SessionEvents,
        page: u32,
        size: u32,
    ) -> Result<EventPage, StoreError> {
        let size = size as usize;
        let skip = (page.saturating_sub(1) as usize).saturating_mul(size);
        let places = events.places.iter().skip(skip).take(size + 1);
        let mut left: Vec<Place> = places.copied().collect();
        let order = left.clone();
        let mut rows = Vec::new();
        for find in &events.finds {
            let found = self.at(find.clone(), &left).await?;
            left.retain(|place| !found.iter().any(|row| place.is_of(row)));
            rows.extend(found);
            if left.is_empty() {
                break;
            }
        }
        rows.sort_by_key(|row| order.iter().position(|place| place.is_of(row)));
        Ok(EventPage::of(rows, size))
    }
}

impl SessionEvents {
    /// Returns the number of these events.
    pub fn count(&self) -> u64 {
        self.places.len() as u64
    }

    /// Counts these events by the steps of a calendar, oldest first.
    pub fn by_step(&self, steps: Calendar) -> Vec<StepCount> {
        let times = self.places.iter().map(|place| place.timestamp);
        Histogram::of_times(times, steps).steps()
    }

    /// Returns the first and the last time of these events.
    pub fn seen(&self) -> Option<Seen> {
        let (last, first) = (self.places.first()?, self.places.last()?);
        Some(Seen {
            first: first.timestamp,
            last: last.timestamp,
        })
    }
}

/// Finds the sessions of these organisations that a subject identifies and that began before the end of the range, or at
/// an unknown time, those that began last first.
pub(crate) fn sessions(of: &Conditions, orgs: &[&str]) -> Find {
    let orgs: Vec<OrgTag> = orgs.iter().map(|org| OrgTag::of(org)).collect();
    let known = orgs.iter().flat_map(|org| {
        let subjects = of.subjects.iter();
        subjects.map(|subject| stored::known_by(org, *subject))
    });
    let mut filter = doc! {"_known": {"$in": known.collect::<Vec<Bson>>()}};
    if let Some(end) = of.range.end {
        filter.insert("start_time", doc! {"$not": {"$gt": end}});
    }
    let doing = "reading the sessions that are known by something";
    Find::new(doing, SESSION_KNOWN, filter)
        .project(doc! {"_id": 1, "start_time": 1})
        .sort(doc! {"start_time": -1})
        .limit(MOST as i64 + 1)
}

/// Finds the events of these sessions that meet the conditions on time and category.
pub(crate) fn among(sessions: &[SessionId], of: &Conditions) -> Find {
    let mut find = events_of_sessions(sessions);
    let times = range(&of.range);
    if !times.is_empty() {
        find.filter.insert("timestamp", times);
    }
    if let Some(category) = of.category {
        find.filter.insert("category", category.as_str());
    }
    find
}
