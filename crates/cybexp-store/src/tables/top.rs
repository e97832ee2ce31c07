//! The most frequent values of a sub_type: from tables where they are right, else from the index.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bson::{Bson, doc};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use tahoe_core::question::Context;
use tahoe_core::time::TimeRange;
use tahoe_core::{Category, Hash};

use crate::archive::ids::{OrgTag, binary};
use crate::archive::keys::{self, Kinds};
use crate::error::StoreError;
use crate::graph::hours::hour_of;
use crate::graph::read::reader::GraphReader;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::tables::builder::Builder;
use crate::tables::entries::ValueId;
use crate::tables::gaps::{Gap, gaps, whole_hours};
use crate::tables::headers::{self, Header, Made};
use crate::tables::kept::{Table, TableChunks, WHOLE};
use crate::tables::merge::{Most, Part, most};
use crate::tables::{scan, stored};
use crate::visible::Visible;

/// The most events that are read for one answer.
const EVENTS: i64 = 300_000;
/// Reads at once.
const READERS: usize = 4;
/// Ids that are looked up by one query.
const IDS: usize = 50;
/// Attempts at an answer while tables are being replaced.
const ATTEMPTS: usize = 3;

/// The question of [`GraphReader::top`].
#[derive(Debug, Clone, Copy)]
pub struct TopValues<'a> {
    /// The sub_type of the values.
    pub sub_type: &'a str,
    /// The times of the events, both ends included.
    pub range: &'a TimeRange,
    /// The context in which the events have the values.
    pub context: Context,
    /// The category of the events; `None` for any.
    pub category: Option<Category>,
    /// The sub_type of the events; `None` for any.
    pub event: Option<&'a str>,
    /// The most values.
    pub limit: usize,
}

/// The most frequent values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TopPage {
    /// Hashes of the values and their numbers of events, those with the most first.
    pub values: Vec<(Hash, u64)>,
    /// The number of different values.
    pub distinct: u64,
    /// The sum of the numbers of all values.
    pub sum: u64,
    /// Whether all events were counted.
    pub exact: bool,
}

impl GraphReader {
    /// Returns the values of a sub_type that the most events have, among those that `visible` shows. Hours whose tables are
    /// not right, and those that the range cuts in two, are counted by the index.
    pub async fn top(&self, of: TopValues<'_>, visible: &Visible) -> Result<TopPage, StoreError> {
        let orgs: Vec<OrgTag> = visible.orgs().into_iter().map(OrgTag::of).collect();
        let mut page = TopPage::default();
        for _ in 0..ATTEMPTS {
            let (first, last) = whole_hours(of.range);
            let headers = match first <= last {
                true => headers::read(&self.hours, first, last).await?,
                false => vec![],
            };
            let right: HashMap<u32, Made> = headers.iter().filter_map(made).collect();
            let ends = self.ends(of.range).await?;
            let gaps = gaps(of.range, &right, &ends);
            let mut tables = Vec::new();
            let mut fetched = false;
            for org in &orgs {
                let (found, read) = self.tables_of(org, of.sub_type, &right).await?;
                tables.extend(found);
                fetched |= read;
            }
            if fetched && !self.still(&right).await? {
                continue;
            }
            let mut room = EVENTS;
            for org in &orgs {
                tables.extend(self.counted(org, of.sub_type, &gaps, &mut room).await?);
            }
            let parts = tables
                .iter()
                .flat_map(|table| table.iter())
                .map(|(events, entries)| Part {
                    entries: Arc::clone(entries),
                    wanted: wanted(&of, events),
                });
            let parts: Vec<Part> = parts.collect();
            let limit = of.limit;
            let found = tokio::task::spawn_blocking(move || most(&parts, limit)).await;
            let found = found.unwrap_or_default();
            page = self.page(found).await?;
            page.exact = room >= 0;
            return Ok(page);
        }
        Ok(page)
    }

    /// Returns the right tables' making of the hours that the range cuts in two.
    async fn ends(&self, range: &TimeRange) -> Result<HashMap<u32, Made>, StoreError> {
        let mut all = HashMap::new();
        let ends: HashSet<u32> = range
            .start
            .into_iter()
            .chain(range.end)
            .filter_map(|at| headers::number(hour_of(at)))
            .collect();
        for hour in ends {
            let found = headers::read(&self.hours, hour, hour).await?;
            all.extend(found.iter().filter_map(made));
        }
        Ok(all)
    }

    /// Whether the tables of these hours are those that they were.
    async fn still(&self, right: &HashMap<u32, Made>) -> Result<bool, StoreError> {
        let (Some(first), Some(last)) = (right.keys().min(), right.keys().max()) else {
            return Ok(true);
        };
        let now = headers::read(&self.hours, *first, *last).await?;
        // tables that are no more right stay as they are; new ones replace them later
        let now: HashMap<i64, Option<Made>> = now
            .into_iter()
            .map(|header| (header.hour, header.made))
            .collect();
        Ok(right.iter().all(|(hour, made)| {
            let now = now.get(&i64::from(*hour)).copied().flatten();
            now.is_none_or(|now| now == *made)
        }))
    }

    /// Returns an organisation's tables of these hours, and whether some were read from the database.
    async fn tables_of(
        &self,
        org: &OrgTag,
        sub_type: &str,
        right: &HashMap<u32, Made>,
    ) -> Result<(Vec<Table>, bool), StoreError> {
        let before = stored::beginning(org, sub_type);
        let mut tables = Vec::new();
        let mut missing: HashMap<u32, Made> = HashMap::new();
        for (hour, made) in right {
            match self.tables.get(&(before, *hour, *made, WHOLE)) {
                Some(table) => tables.push(table),
                None => drop(missing.insert(*hour, *made)),
            }
        }
        let (Some(first), Some(last)) = (missing.keys().min(), missing.keys().max()) else {
            return Ok((tables, false));
        };
        let mut read: HashMap<u32, TableChunks> = HashMap::new();
        let mut rows = stored::chunks(org, sub_type, *first, *last)
            .rows(&self.hours)
            .await?;
        while let Some(document) = rows.next().await? {
            let chunk = stored::read(&document);
            if let Some(chunk) = chunk.filter(|it| missing.get(&it.hour) == Some(&it.made)) {
                let chunks = read.entry(chunk.hour).or_default();
                chunks.push((chunk.events, chunk.entries.into()));
            }
        }
        for (hour, made) in missing {
            let table = Arc::new(read.remove(&hour).unwrap_or_default());
            self.tables
                .put((before, hour, made, WHOLE), Arc::clone(&table));
            tables.push(table);
        }
        Ok((tables, true))
    }

    /// Counts the values of an organisation's events in these parts of the range. Takes the number of events that were read
    /// from the room; it is negative if there were more.
    async fn counted(
        &self,
        org: &OrgTag,
        sub_type: &str,
        gaps: &[Gap],
        room: &mut i64,
    ) -> Result<Vec<Table>, StoreError> {
        let before = stored::beginning(org, sub_type);
        let key = |gap: &Gap| {
            let (hour, made) = gap.unchanging?;
            // the times of an hour with tables are positive, and leave the sign to whether the end belongs to the part
            let end = gap.end?.to_bits() | u64::from(gap.includes_end) << 63;
            let ends = (gap.start?.to_bits(), end);
            Some((before, hour, made, ends))
        };
        let reads = gaps.iter().map(|gap| async move {
            if let Some(table) = key(gap).and_then(|key| self.tables.get(&key)) {
                return Ok::<_, StoreError>((table, 0));
            }
            let mut from = Some(0);
            let (mut table, mut events) = (Vec::new(), 0);
            while let Some(begin) = from {
                let mut builder = Builder::new(Some(sub_type), begin);
                let find = scan::events(org, gap.times()).limit(EVENTS + 1);
                let mut rows = find.rows(&self.coll).await?;
                events = 0;
                while let Some(event) = rows.next().await? {
                    events += 1;
                    builder.add(&event);
                }
                let (chunks, next) = builder.end();
                from = next;
                table.extend(chunks.into_iter().map(|it| (it.events, it.entries.into())));
            }
            let table: Table = Arc::new(table);
            if let Some(key) = key(gap) {
                self.tables.put(key, Arc::clone(&table));
            }
            Ok((table, events))
        });
        let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffered(READERS);
        let mut tables = Vec::new();
        while *room >= 0
            && let Some((table, events)) = reads.try_next().await?
        {
            *room -= events;
            tables.push(table);
        }
        Ok(tables)
    }

    /// Finds the hashes of the values.
    async fn page(&self, found: Most) -> Result<TopPage, StoreError> {
        #[derive(Deserialize)]
        struct Found {
            #[serde(rename = "_hash")]
            hash: Hash,
        }
        let ids: Vec<ValueId> = found.values.iter().map(|(id, _)| *id).collect();
        let parts = ids
            .chunks(IDS)
            .map(|part| by_beginning(part).read::<Found>(&self.coll));
        let nodes: Vec<Vec<Found>> = stream::iter(parts.collect::<Vec<_>>())
            .buffered(READERS)
            .try_collect()
            .await?;
        let nodes = nodes.into_iter().flatten();
        let hashes: HashMap<ValueId, Hash> = nodes
            .map(|node| {
                let mut id = ValueId::default();
                id.copy_from_slice(&node.hash.as_bytes()[..16]);
                (id, node.hash)
            })
            .collect();
        let values = found.values.iter();
        Ok(TopPage {
            values: values
                .filter_map(|(id, count)| Some((*hashes.get(id)?, *count)))
                .collect(),
            distinct: found.distinct,
            sum: found.sum,
            exact: true,
        })
    }
}

fn made(header: &Header) -> Option<(u32, Made)> {
    Some((headers::number(header.hour)?, header.made?))
}

/// Returns which kinds of events are wanted.
fn wanted(of: &TopValues<'_>, events: &[String]) -> Arc<[bool]> {
    let kinds = Kinds::of(of.context, of.category);
    let wanted = events.iter().flat_map(|name| {
        let wanted = of.event.is_none_or(|wanted| wanted == name);
        (0..keys::COMBINATIONS).map(move |kind| wanted && kinds.holds(kind))
    });
    wanted.collect()
}

/// Finds the attributes whose hashes begin like this.
pub(crate) fn by_beginning(ids: &[ValueId]) -> Find {
    let range = |id: &ValueId| {
        let bound = |rest: u8| binary([&id[..], &[rest; 16]].concat());
        Bson::from(doc! {"_id": {"$gte": bound(0), "$lte": bound(0xff)}})
    };
    let ranges: Vec<Bson> = ids.iter().map(range).collect();
    let filter = doc! {"$or": ranges, "itype": "attribute"};
    Find::new("finding the values of tables", ID, filter).project(doc! {"_id": 0, "_hash": 1})
}
