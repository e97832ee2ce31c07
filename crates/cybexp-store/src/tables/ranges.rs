//! The tables of a range: those of whole hours where they are right, else tables that are made of the index for the answer.
//!
//! While a filter goes through the archive, or an old feed comes in, many hours have no right tables. An answer does not
//! wait for them: it then uses those that were right before, and tells that it is not exact.

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
use crate::tables::room::Room;
use crate::tables::{scan, stored};

/// Reads at once.
pub(crate) const READERS: usize = 4;
/// Events that the server sends at once, so that a reader without room need not wait for many.
const BATCH: u32 = 1_000;
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
            let Some(mut found) = self.whole_tables(orgs, names, &right).await? else {
                continue;
            };
            let missing = gaps(range, &right, &ends);
            found.exact = self
                .add_counted(
                    &mut found,
                    orgs,
                    names,
                    &missing,
                    &Room::of_answer(self.patience),
                )
                .await?;
            let mut known: HashMap<u32, Made> = headers.iter().filter_map(outdated).collect();
            if found.exact || known.is_empty() {
                return Ok(found);
            }
            known.extend(&right);
            let Some(mut found) = self.whole_tables(orgs, names, &known).await? else {
                continue;
            };
            let missing = gaps(range, &known, &ends);
            self.add_counted(
                &mut found,
                orgs,
                names,
                &missing,
                &Room::of_rest(self.patience),
            )
            .await?;
            return Ok(found);
        }
        Ok(RangeTables::default())
    }

    /// Returns the tables of these hours; `None` if some were replaced while they were read.
    async fn whole_tables(
        &self,
        orgs: &[OrgTag],
        names: &[&str],
        hours: &HashMap<u32, Made>,
    ) -> Result<Option<RangeTables>, StoreError> {
        let mut found = RangeTables::default();
        let mut fetched = false;
        for (org, tag) in orgs.iter().enumerate() {
            for (name, text) in names.iter().enumerate() {
                let (tables, read) = self.tables_of(tag, text, hours).await?;
                found.tables.insert((org, name), tables);
                fetched |= read;
            }
        }
        let is_whole = !fetched || self.still(hours).await?;
        Ok(is_whole.then_some(found))
    }

    /// Adds tables of the events in these parts of the range, as far as there is room. Returns whether all were counted.
    async fn add_counted(
        &self,
        to: &mut RangeTables,
        orgs: &[OrgTag],
        names: &[&str],
        gaps: &[Gap],
        room: &Room,
    ) -> Result<bool, StoreError> {
        // the newest first, for all organisations: what there is no room for is missing for all alike
        let parts = gaps.iter().rev();
        let parts = parts.flat_map(|gap| {
            orgs.iter()
                .enumerate()
                .map(move |(org, tag)| (gap, org, tag))
        });
        let reads = parts.map(|(gap, org, tag)| async move {
            let tables = self.counted(tag, names, gap, room).await?;
            Ok::<_, StoreError>((org, tables))
        });
        let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffered(READERS);
        while let Some((org, tables)) = reads.try_next().await? {
            for (name, table) in tables.into_iter().enumerate() {
                to.tables.entry((org, name)).or_default().push(table);
            }
        }
        Ok(!room.is_full())
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

    /// Makes the tables with these names of an organisation's events in a part of the range, as far as there is room.
    async fn counted(
        &self,
        org: &OrgTag,
        names: &[&str],
        gap: &Gap,
        room: &Room,
    ) -> Result<Vec<Table>, StoreError> {
        let key = |name: &str| {
            let (hour, made) = gap.unchanging?;
            // the times of an hour with tables are positive, and leave the sign to whether the end belongs to the part
            let end = gap.end?.to_bits() | u64::from(gap.includes_end) << 63;
            let ends = (gap.start?.to_bits(), end);
            Some((stored::beginning(org, name), hour, made, ends))
        };
        let kept = names.iter().map(|name| self.tables.get(&key(name)?));
        if let Some(tables) = kept.collect::<Option<Vec<Table>>>() {
            return Ok(tables);
        }
        let mut from = Some(0);
        let mut tables: HashMap<String, TableChunks> = HashMap::new();
        while let Some(begin) = from
            && !room.is_full()
        {
            let mut builder = Builder::new(Some(names), begin);
            let events = scan::events(org, gap.times()).batch(BATCH);
            let mut rows = events.rows(&self.coll).await?;
            while let Some(event) = rows.next().await?
                && room.take()
            {
                builder.add(&event);
            }
            let (chunks, next) = builder.end();
            from = next;
            for chunk in chunks {
                let table = tables.entry(chunk.name).or_default();
                table.push((chunk.events, chunk.entries.into()));
            }
        }
        let tables = names
            .iter()
            .map(|name| Arc::new(tables.remove(*name).unwrap_or_default()));
        let tables: Vec<Table> = tables.collect();
        // once the room is full, the tables may lack something
        for (name, table) in names.iter().zip(&tables).filter(|_| !room.is_full()) {
            if let Some(key) = key(name) {
                self.tables.put(key, Arc::clone(table));
            }
        }
        Ok(tables)
    }
}

fn made(header: &Header) -> Option<(u32, Made)> {
    Some((headers::number(header.hour)?, header.made?))
}

fn outdated(header: &Header) -> Option<(u32, Made)> {
    Some((headers::number(header.hour)?, header.outdated?))
}
