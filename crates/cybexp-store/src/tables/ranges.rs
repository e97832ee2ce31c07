//! The tables of a range: those of whole hours where they are right, else tables that are made of the index for the answer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use tahoe_core::time::TimeRange;

use crate::archive::ids::OrgTag;
use crate::error::StoreError;
use crate::graph::hours::hour_of;
use crate::graph::read::reader::GraphReader;
use crate::tables::builder::Builder;
use crate::tables::gaps::{Gap, gaps, whole_hours};
use crate::tables::headers::{self, Header, Made};
use crate::tables::kept::{Table, TableChunks, WHOLE};
use crate::tables::{scan, stored};

/// The most events that are read for one answer.
const EVENTS: i64 = 300_000;
/// Reads at once.
pub(crate) const READERS: usize = 4;
/// Attempts at an answer while tables are being replaced.
const ATTEMPTS: usize = 3;

/// The tables of a range, by the place of the organisation and of the name in the request.
#[derive(Debug, Default)]
pub(crate) struct RangeTables {
    tables: HashMap<(usize, usize), Vec<Table>>,
    /// Whether all events were counted.
    pub exact: bool,
}

impl RangeTables {
    /// Returns the tables of an organisation with a name.
    pub(crate) fn of(&self, org: usize, name: usize) -> &[Table] {
        self.tables.get(&(org, name)).map_or(&[], Vec::as_slice)
    }
}

impl GraphReader {
    /// Returns the tables with these names of these organisations, whose hours and parts of hours cover the range once.
    pub(crate) async fn tables_in(
        &self,
        range: &TimeRange,
        orgs: &[OrgTag],
        names: &[&str],
    ) -> Result<RangeTables, StoreError> {
        for _ in 0..ATTEMPTS {
            let (first, last) = whole_hours(range);
            let headers = match first <= last {
                true => headers::read(&self.hours, first, last).await?,
                false => vec![],
            };
            let right: HashMap<u32, Made> = headers.iter().filter_map(made).collect();
            let ends = self.ends(range).await?;
            let gaps = gaps(range, &right, &ends);
            let mut found = RangeTables::default();
            let mut fetched = false;
            for (org, tag) in orgs.iter().enumerate() {
                for (name, text) in names.iter().enumerate() {
                    let (tables, read) = self.tables_of(tag, text, &right).await?;
                    found.tables.insert((org, name), tables);
                    fetched |= read;
                }
            }
            if fetched && !self.still(&right).await? {
                continue;
            }
            let mut room = EVENTS;
            for (org, tag) in orgs.iter().enumerate() {
                for tables in self.counted(tag, names, &gaps, &mut room).await? {
                    for (name, table) in tables.into_iter().enumerate() {
                        found.tables.entry((org, name)).or_default().push(table);
                    }
                }
            }
            found.exact = room >= 0;
            return Ok(found);
        }
        Ok(RangeTables::default())
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
        name: &str,
        right: &HashMap<u32, Made>,
    ) -> Result<(Vec<Table>, bool), StoreError> {
        let before = stored::beginning(org, name);
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
        let mut rows = stored::chunks(org, name, *first, *last)
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

    /// Makes the tables with these names of an organisation's events in these parts of the range. Takes the number of
    /// events that were read from the room; it is negative if there were more.
    async fn counted(
        &self,
        org: &OrgTag,
        names: &[&str],
        gaps: &[Gap],
        room: &mut i64,
    ) -> Result<Vec<Vec<Table>>, StoreError> {
        let key = |name: &str, gap: &Gap| {
            let (hour, made) = gap.unchanging?;
            // the times of an hour with tables are positive, and leave the sign to whether the end belongs to the part
            let end = gap.end?.to_bits() | u64::from(gap.includes_end) << 63;
            let ends = (gap.start?.to_bits(), end);
            Some((stored::beginning(org, name), hour, made, ends))
        };
        let reads = gaps.iter().map(|gap| async move {
            let kept = names
                .iter()
                .map(|name| self.tables.get(&key(name, gap)?))
                .collect::<Option<Vec<Table>>>();
            if let Some(tables) = kept {
                return Ok::<_, StoreError>((tables, 0));
            }
            let mut from = Some(0);
            let mut tables: HashMap<String, TableChunks> = HashMap::new();
            let mut events = 0;
            while let Some(begin) = from {
                let mut builder = Builder::new(Some(names), begin);
                let find = scan::events(org, gap.times()).limit(EVENTS + 1);
                let mut rows = find.rows(&self.coll).await?;
                events = 0;
                while let Some(event) = rows.next().await? {
                    events += 1;
                    builder.add(&event);
                }
                let (chunks, next) = builder.end();
                from = next;
                for chunk in chunks {
                    let table = tables.entry(chunk.name).or_default();
                    table.push((chunk.events, chunk.entries.into()));
                }
            }
            let tables: Vec<Table> = names
                .iter()
                .map(|name| Arc::new(tables.remove(*name).unwrap_or_default()))
                .collect();
            for (name, table) in names.iter().zip(&tables) {
                if let Some(key) = key(name, gap) {
                    self.tables.put(key, Arc::clone(table));
                }
            }
            Ok((tables, events))
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
}

fn made(header: &Header) -> Option<(u32, Made)> {
    Some((headers::number(header.hour)?, header.made?))
}
