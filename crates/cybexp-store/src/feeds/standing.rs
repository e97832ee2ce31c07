//! Whether a value belongs into a feed: its events, counted by the index.

use bson::doc;
use serde::Deserialize;
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Category, Hash, OrgId, Tlp};

use crate::error::StoreError;
use crate::feeds::definition::Feed;
use crate::graph::read::reader::GraphReader;
use crate::graph::read::seen::Seen;
use crate::graph::read::wanted::Wanted;
use crate::mongo::find::Find;
use crate::visible::Visible;

/// The number up to which the events of a value are counted.
pub(crate) const COUNTED: i64 = 10_000;

/// The events of a value, as far as they belong to a feed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeedStanding {
    /// The times of the first and the last event.
    pub seen: Seen,
    /// The number of events, up to 10,000.
    pub count: i64,
}

/// The conditions of a feed, read once.
#[derive(Debug, Clone)]
pub struct FeedConditions {
    visible: Visible,
    context: Context,
    category: Option<Category>,
    min_count: i64,
    keep_s: f64,
    /// The strictest label of events that may leave in the feed.
    tlp: Tlp,
}

impl FeedConditions {
    /// Reads the conditions of a feed. The error names the field that is wrong.
    pub fn of(feed: &Feed) -> Result<Self, String> {
        let contexts = [
            Context::All,
            Context::Malicious,
            Context::Benign,
            Context::Unknown,
        ];
        let context = contexts
            .into_iter()
            .find(|context| context.as_str() == feed.context);
        let orgs = feed
            .orgs
            .iter()
            .map(|org| OrgId::new(org).map_err(|error| format!("orgs: {error}")));
        let category = feed
            .category
            .as_deref()
            .map(str::parse::<Category>)
            .transpose();
        Ok(Self {
            visible: Visible(orgs.collect::<Result<_, _>>()?),
            context: context.ok_or_else(|| "context: it is none".to_owned())?,
            category: category.map_err(|_| "category: it is none".to_owned())?,
            min_count: feed.min_count.max(1),
            keep_s: feed.keep_s.max(1) as f64,
            tlp: feed.tlp.parse().map_err(|error| format!("tlp: {error}"))?,
        })
    }

    /// Returns how long a value stays after its last event, in seconds.
    pub fn keep_s(&self) -> f64 {
        self.keep_s
    }

    /// Whether events of this organisation belong to the feed.
    pub(crate) fn sees(&self, orgid: &str) -> bool {
        self.visible.orgs().contains(&orgid)
    }
}

impl GraphReader {
    /// Returns the standing of a value in a feed at this time, in Unix seconds; `None` if it does not belong there. Events
    /// that are stricter than the feed count for nothing.
    pub async fn feed_standing(
        &self,
        value: &Attribute,
        of: &FeedConditions,
        now: f64,
    ) -> Result<Option<FeedStanding>, StoreError> {
        let conditions = Conditions {
            subjects: vec![value.hash()],
            attribute: None,
            range: TimeRange {
                start: Some(now - of.keep_s),
                end: None,
            },
            category: of.category,
            context: of.context,
            derived: false,
        };
        let wanted = Wanted::new(&conditions, &of.visible);
        let mut count = 0;
        for part in wanted.parts() {
            count += counted(&part).count(&self.coll).await? as i64;
        }
        if count < of.min_count.min(COUNTED) {
            return Ok(None);
        }
        let seen = self.seen(&conditions, &of.visible).await?;
        // after the index was read: what it counted before an event got its label was free to leave then
        if self.has_stricter(&wanted, of.tlp).await? {
            return self
                .labelled_standing(&wanted, of.tlp, of.min_count.min(COUNTED))
                .await;
        }
        Ok(seen.map(|seen| FeedStanding {
            seen,
            count: count.min(COUNTED),
        }))
    }

    /// Returns the attributes of these events that a feed may hold.
    pub(crate) async fn feed_candidates(
        &self,
        events: &[bson::Bson],
    ) -> Result<Vec<EventValues>, StoreError> {
        let mut all = Vec::new();
        for part in events.chunks(crate::mongo::find::ASK) {
            all.extend(events_of(part).read::<EventValues>(&self.coll).await?);
        }
        Ok(all)
    }
}

/// The values of an event.
#[derive(Debug, Deserialize)]
pub(crate) struct EventValues {
    pub orgid: String,
    #[serde(deserialize_with = "crate::mongo::json::read")]
    pub data: tahoe_core::Value,
}

/// Collects the attributes of an event's data that are of these sub_types.
pub(crate) fn attributes(
    data: &tahoe_core::Value,
    wanted: &dyn Fn(&str) -> bool,
    found: &mut std::collections::HashMap<Hash, Attribute>,
) {
    let Some(children) = data.as_object() else {
        return;
    };
    for (sub_type, children) in children {
        for child in children.as_array().into_iter().flatten() {
            if child.is_object() {
                attributes(child, wanted, found);
            } else if wanted(sub_type)
                && let Some(attribute) = attribute(sub_type, child)
            {
                found.insert(attribute.hash(), attribute);
            }
        }
    }
}

/// Makes the attribute of a value that is stored.
pub(crate) fn attribute(sub_type: &str, data: &tahoe_core::Value) -> Option<Attribute> {
    let sub_type = tahoe_core::SubType::new(sub_type).ok()?;
    let data = tahoe_core::Scalar::try_from(data).ok()?;
    Some(Attribute::new(sub_type, data))
}

pub(crate) fn counted(wanted: &Wanted<'_>) -> Find {
    wanted.find().limit(COUNTED)
}

pub(crate) fn events_of(events: &[bson::Bson]) -> Find {
    let filter = doc! {"_id": {"$in": events}, "itype": "event"};
    Find::new(
        "reading the events for feeds",
        crate::mongo::indexes::ID,
        filter,
    )
    .project(doc! {"_id": 0, "orgid": 1, "data": 1})
}
