//! Sessions and their events, in order of time.

use std::collections::BTreeSet;

use bson::{Document, doc};
use serde::Deserialize;
use tahoe_core::question::Conditions;
use tahoe_core::{Hash, Value};

use crate::archive::ids::{OrgTag, SessionId};
use crate::error::StoreError;
use crate::graph::read::lookup::{events_by_hash, events_of_sessions, sessions};
use crate::graph::read::reader::GraphReader;
use crate::graph::read::rows::CompositeRow;
use crate::graph::read::seen::Seen;
use crate::mongo::find::{ASK, Find};
use crate::visible::Visible;

const TOLD: &str = "reading the story of a session";
/// The most bytes of an event's data that are read; of larger ones, only the other fields are.
const DATA_BYTES: i32 = 64 << 10;
/// The most bytes of the values that identify a session; longer ones are not read.
const KNOWN_BYTES: i32 = 8 << 10;

/// A session without its events.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SessionHead {
    /// The identity of the session.
    #[serde(rename = "_id")]
    pub id: SessionId,
    /// The session's hash.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// The session's type.
    pub sub_type: String,
    /// The organisation that owns the session.
    pub orgid: String,
    /// The values that identify it; `None` if they are long.
    #[serde(default)]
    pub data: Option<Value>,
    /// The start, in Unix seconds.
    #[serde(default)]
    pub start_time: Option<f64>,
    /// The end, in Unix seconds.
    #[serde(default)]
    pub end_time: Option<f64>,
    /// The duration, in seconds.
    #[serde(default)]
    pub duration: Option<f64>,
}

/// An event of a story.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StoryEvent {
    /// The event's hash.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// The event's type.
    pub sub_type: String,
    /// The event's category.
    pub category: String,
    /// The time of the event, in Unix seconds.
    pub timestamp: f64,
    /// The event's data; `None` if it is large.
    #[serde(default)]
    pub data: Option<Value>,
}

/// A page of the events of a session, oldest first.
#[derive(Debug, Default)]
pub struct StoryPage {
    /// The events of the page.
    pub events: Vec<StoryEvent>,
    /// The time of the event before the page.
    pub before: Option<f64>,
    /// Whether there are more events behind the page.
    pub more: bool,
}

#[derive(Deserialize)]
struct At {
    timestamp: f64,
}

impl GraphReader {
    /// Returns the visible sessions of this hash, or those of the visible event of this hash; those that began last
    /// first.
    pub async fn sessions_by_hash(
        &self,
        hash: Hash,
        visible: &Visible,
    ) -> Result<Vec<SessionHead>, StoreError> {
        let orgs = visible.orgs().into_iter().map(OrgTag::of);
        let ids: Vec<SessionId> = orgs.map(|org| SessionId::of(hash, &org)).collect();
        let found = self.session_heads(&ids).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        let event = events_by_hash(TOLD, &[hash], visible)
            .project(crate::graph::read::rows::composite())
            .read::<CompositeRow>(&self.coll)
            .await?;
        let ids: BTreeSet<SessionId> = event.into_iter().flat_map(|event| event.sessions).collect();
        self.session_heads(&ids.into_iter().collect::<Vec<_>>())
            .await
    }

    /// Returns the visible sessions that a subject identifies, those that began last first, up to a number of them, and
    /// whether there are more.
    pub async fn sessions_known_by(
        &self,
        of: &Conditions,
        visible: &Visible,
        most: usize,
    ) -> Result<(Vec<SessionHead>, bool), StoreError> {
        let ids = self.known_by(of, visible, most).await?;
        let more = ids.len() > most;
        let mut found = self.session_heads(&ids[..most.min(ids.len())]).await?;
        found.sort_by_key(|head| ids.iter().position(|id| *id == head.id));
        Ok((found, more))
    }

    async fn session_heads(&self, ids: &[SessionId]) -> Result<Vec<SessionHead>, StoreError> {
        let mut all = Vec::new();
        for part in ids.chunks(ASK) {
            let find = sessions(part).project(head());
            all.extend(find.read::<SessionHead>(&self.coll).await?);
        }
        let start = |head: &SessionHead| head.start_time.unwrap_or(f64::NEG_INFINITY);
        all.sort_by(|a, b| start(b).total_cmp(&start(a)).then(a.id.cmp(&b.id)));
        Ok(all)
    }

    /// Returns the events of a session in order of time, `size` of them from the `page`th page (from 1) on.
    pub async fn story(
        &self,
        session: SessionId,
        page: u32,
        size: u32,
    ) -> Result<StoryPage, StoreError> {
        let skip = u64::from(page.saturating_sub(1)) * u64::from(size);
        let before = async {
            match skip.checked_sub(1) {
                Some(skip) => {
                    let at = times(session).skip(skip).limit(1);
                    let found = at.read::<At>(&self.coll).await?;
                    Ok(found.first().map(|at| at.timestamp))
                }
                None => Ok(None),
            }
        };
        let events = told(session, skip, size).each::<StoryEvent>(&self.coll);
        let (mut rows, before) = futures::try_join!(events, before)?;
        // an event that cannot be read has its place on a page, too
        let more = rows.len() > size as usize;
        rows.truncate(size as usize);
        Ok(StoryPage {
            events: rows.into_iter().filter_map(|row| row.read.ok()).collect(),
            before,
            more,
        })
    }

    /// Returns the number of a session's events, up to `most` and one more, and the times of the first and the last.
    pub async fn story_length(
        &self,
        session: SessionId,
        most: u32,
    ) -> Result<(u64, Option<Seen>), StoreError> {
        let all = times(session).limit(i64::from(most) + 1);
        let end = |by: i32| {
            let find = times(session).sort(doc! {"timestamp": by, "_tie": -by});
            find.limit(1).read::<At>(&self.coll)
        };
        let (events, first, last) = futures::try_join!(all.count(&self.coll), end(1), end(-1))?;
        let seen = first.first().zip(last.first());
        let seen = seen.map(|(first, last)| Seen {
            first: first.timestamp,
            last: last.timestamp,
        });
        Ok((events, seen))
    }
}

fn head() -> Document {
    doc! {
        "_id": 1, "_hash": 1, "sub_type": 1, "orgid": 1, "data": data_within(KNOWN_BYTES),
        "start_time": 1, "end_time": 1, "duration": 1,
    }
}

/// Makes the projection of `data` that leaves it out if it has more than this many bytes.
fn data_within(most: i32) -> Document {
    // data that is no document has a size, too
    let small = doc! {"$lte": [{"$bsonSize": {"data": "$data"}}, most]};
    doc! {"$cond": [small, "$data", "$$REMOVE"]}
}

/// Finds the events of a page and one more.
pub(crate) fn told(session: SessionId, skip: u64, size: u32) -> Find {
    let mut find = times(session)
        .project(doc! {
            "_id": 0, "_hash": 1, "sub_type": 1, "category": 1, "timestamp": 1, "data": data_within(DATA_BYTES),
        })
        .skip(skip)
        .limit(i64::from(size) + 1);
    find.doing = TOLD;
    find
}

/// Finds the times of a session's events, oldest first.
pub(crate) fn times(session: SessionId) -> Find {
    events_of_sessions(&[session])
        .project(doc! {"_id": 0, "timestamp": 1})
        .sort(doc! {"timestamp": 1, "_tie": -1})
}
