//! Events of sessions that are identified by an instance, such as a sensor, to which the events themselves do not
//! refer.

use std::collections::BTreeSet;

use bson::{Document, doc};
use serde::Deserialize;
use tahoe_core::Hash;
use tahoe_core::question::{Conditions, Context};

use crate::error::StoreError;
use crate::graph::read::lookup::events_by_hash;
use crate::graph::read::pages::{self, EventPage, Place};
use crate::graph::read::reader::GraphReader;
use crate::graph::read::seen::Seen;
use crate::graph::read::wanted::{any_of, range};
use crate::mongo::collection::from_document;
use crate::mongo::find::ASK;
use crate::mongo::find::Find;
use crate::mongo::indexes::SESSION_CREF;
use crate::visible::Visible;

/// The most events of sessions that one query reads.
const MOST: usize = 20_000;

/// The events of some sessions that meet the conditions, newest first.
#[derive(Debug, Default)]
pub struct SessionEvents {
    places: Vec<Place>,
    /// Whether there may be more events, in sessions that began earlier.
    pub cut: bool,
}

#[derive(Debug, Deserialize)]
struct Row {
    #[serde(rename = "_ref")]
    refs: Vec<Hash>,
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
        let doing = "reading the sessions that are known by something";
        let mut hashes = BTreeSet::new();
        let (mut any, mut cut) = (false, false);
        let mut rows = sessions(of).rows(&self.coll).await?;
        while let Some(row) = rows.next().await? {
            let wrong = |message| StoreError::Write {
                doing,
                code: 0,
                message,
            };
            let row: Row = from_document(&row).map_err(wrong)?;
            any = true;
            cut |= row.refs.len() > MOST;
            hashes.extend(row.refs);
            if hashes.len() > MOST {
                cut = true;
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        // sessions refer to nothing in a context
        if matches!(of.context, Context::Malicious | Context::Benign) {
            hashes.clear();
        }
        let direct = direct(of, visible).read::<Place>(&self.coll).await?;
        cut |= direct.len() > MOST;
        let mut places = direct;
        let hashes: Vec<Hash> = hashes.into_iter().collect();
        for part in hashes.chunks(ASK) {
            places.extend(among(part, of, visible).read::<Place>(&self.coll).await?);
        }
        places.sort_by(Place::newer);
        places.dedup_by(|a, b| a._hash == b._hash);
        // must not reveal that other organisations have such sessions
        cut &= !places.is_empty();
        Ok(Some(SessionEvents { places, cut }))
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
        let places: Vec<Place> = places.cloned().collect();
        Ok(EventPage::of(self.at(&places).await?, size))
    }
}

impl SessionEvents {
    /// Returns the number of these events.
    pub fn count(&self) -> u64 {
        self.places.len() as u64
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

/// Finds the sessions that a subject identifies and that began before the end of the range, or at an unknown time.
pub(crate) fn sessions(of: &Conditions) -> Find {
    let mut filter = doc! {"itype": "session", "_cref": any_of(&of.subjects)};
    if let Some(end) = of.range.end {
        filter.insert("start_time", doc! {"$not": {"$gt": end}});
    }
    Find::new(
        "reading the sessions that are known by something",
        SESSION_CREF,
        filter,
    )
    .project(doc! {"_id": 0, "_ref": {"$slice": ["$_ref", MOST as i64 + 1]}})
    .sort(doc! {"start_time": -1})
    .limit(MOST as i64 + 1)
}

fn place() -> Document {
    doc! {"_id": 0, "_hash": 1, "orgid": 1, "timestamp": 1}
}

/// Finds those of these events that `visible` shows and that meet the conditions on time and category.
pub(crate) fn among(events: &[Hash], of: &Conditions, visible: &Visible) -> Find {
    let mut find = events_by_hash("reading the events of sessions", events, visible);
    let times = range(&of.range);
    if !times.is_empty() {
        find.filter.insert("timestamp", times);
    }
    if let Some(category) = of.category {
        find.filter.insert("category", category.as_str());
    }
    find.project(place())
}

/// Finds the events that refer to a subject themselves.
pub(crate) fn direct(of: &Conditions, visible: &Visible) -> Find {
    pages::events(of, visible)
        .project(place())
        .limit(MOST as i64 + 1)
}
