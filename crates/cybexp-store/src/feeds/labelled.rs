//! The standing of values in organisations that have events with stricter labels than a feed may hold.
//!
//! The index does not know the labels of a value's events, only whether an organisation has such events at all. Where it
//! has, the events themselves are read, newest first, and those that may not leave count for nothing.

use bson::doc;
use serde::Deserialize;
use tahoe_core::Tlp;

use crate::archive::ids::{OrgTag, binary};
use crate::archive::keys::{self, LEAST_TIE};
use crate::archive::labels;
use crate::archive::stored::TLP;
use crate::error::StoreError;
use crate::feeds::standing::{COUNTED, FeedStanding};
use crate::graph::read::reader::GraphReader;
use crate::graph::read::seen::Seen;
use crate::graph::read::wanted::{Wanted, order, range};
use crate::mongo::collection::from_document;
use crate::mongo::find::Find;
use crate::mongo::indexes::EVENT_KEYS;

/// The events that are read of a value which has enough that may leave.
const ENOUGH: usize = 2000;
/// The most events that are read of a value. One all of whose newest events may not leave is left out, although an older
/// one might: less may leave than could, never more.
const EXAMINED: usize = 20_000;

#[derive(Debug, Deserialize)]
struct Row {
    timestamp: f64,
    #[serde(default)]
    tlp: Option<String>,
}

impl GraphReader {
    /// Whether these organisations have observed events in this range that are stricter than a label.
    pub(crate) async fn has_stricter(
        &self,
        wanted: &Wanted<'_>,
        tlp: Tlp,
    ) -> Result<bool, StoreError> {
        if tlp == Tlp::Red {
            return Ok(false);
        }
        Ok(stricter(wanted, tlp).count(&self.coll).await? > 0)
    }

    /// Returns the standing of a value by those of its newest events whose label is at most this one.
    pub(crate) async fn labelled_standing(
        &self,
        wanted: &Wanted<'_>,
        tlp: Tlp,
        min_count: i64,
    ) -> Result<Option<FeedStanding>, StoreError> {
        let mut count = 0;
        let mut seen: Option<Seen> = None;
        for part in wanted.parts() {
            let mut rows = labelled(&part).rows(&self.coll).await?;
            let mut read = 0;
            while let Some(row) = rows.next().await? {
                read += 1;
                if let Ok(row) = from_document::<Row>(&row)
                    && row
                        .tlp
                        .as_deref()
                        .is_none_or(|text| Tlp::stored(text) <= tlp)
                {
                    count += 1;
                    let (first, last) = seen.map_or((row.timestamp, row.timestamp), |seen| {
                        (seen.first.min(row.timestamp), seen.last.max(row.timestamp))
                    });
                    seen = Some(Seen { first, last });
                }
                if read >= EXAMINED || (read >= ENOUGH && count >= min_count) {
                    break;
                }
            }
        }
        let standing = seen.map(|seen| FeedStanding {
            seen,
            count: count.min(COUNTED),
        });
        Ok(standing.filter(|_| count >= min_count))
    }
}

/// Finds one event of these organisations, in the range, that is stricter than a label.
pub(crate) fn stricter(wanted: &Wanted<'_>, tlp: Tlp) -> Find {
    let orgs = wanted.orgs.iter().map(|org| OrgTag::of(org));
    let elements = orgs.flat_map(|org| {
        labels::stricter(tlp).map(move |tlp| binary(keys::of_label(&org, tlp).to_vec()))
    });
    let elements: Vec<_> = elements.collect();
    let mut filter = doc! {"_keys": {"$in": elements}, "_tie": {"$gte": LEAST_TIE}};
    let times = range(&wanted.range);
    if !times.is_empty() {
        filter.insert("timestamp", times);
    }
    Find::new("looking for events that may not leave", EVENT_KEYS, filter).limit(1)
}

/// Finds the labels and times of the wanted events, newest first.
pub(crate) fn labelled(wanted: &Wanted<'_>) -> Find {
    let mut find = wanted.find();
    find.doing = "reading the labels of a value's events";
    find.project(doc! {"_id": 0, "timestamp": 1, TLP: 1})
        .sort(order())
        .limit(EXAMINED as i64)
}
