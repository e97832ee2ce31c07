//! Chunks of tables that nobody needs any more. They stay as long as an answer may read them, and are then deleted.
//!
//! The header of their hour names them until then. So a keeper finds those of an earlier one that was killed, and a maker
//! whose chunks another keeper takes for such cannot end with them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bson::{Bson, doc};

use crate::error::StoreError;
use crate::mongo::bulk;
use crate::mongo::collection::Documents;
use crate::tables::{headers, stored};

const DELETING: &str = "deleting old tables of hours";

/// Time for which old tables stay, longer than an answer takes.
pub(crate) const STAY: Duration = Duration::from_secs(180);
/// Headers that are searched in one step.
const SEARCHED: i64 = 200;

/// Chunks that are deleted later.
#[derive(Debug)]
pub(crate) struct OldChunks {
    chunks: VecDeque<(Instant, u32, Vec<Bson>)>,
    /// The first hour that is not yet searched for chunks of a keeper that died; `None` when all are.
    search: Option<u32>,
}

impl Default for OldChunks {
    fn default() -> Self {
        Self {
            chunks: VecDeque::new(),
            search: Some(0),
        }
    }
}

impl OldChunks {
    /// Has these chunks of an hour deleted later.
    pub(crate) async fn retire(
        &mut self,
        hours: &Documents,
        hour: u32,
        ids: Vec<Bson>,
    ) -> Result<(), StoreError> {
        let makings = ids.iter().filter_map(stored::made_of).collect();
        if !ids.is_empty() && headers::retire(hours, hour, &makings, &ids).await? {
            self.chunks.push_back((Instant::now(), hour, ids));
        }
        Ok(())
    }

    /// Deletes chunks that are old for this time, and searches some headers for those of a keeper that died. Returns whether
    /// more of them are to be searched.
    pub(crate) async fn step(
        &mut self,
        hours: &Documents,
        stay: Duration,
    ) -> Result<bool, StoreError> {
        if let Some(first) = self.search {
            self.search = self.search_from(hours, first).await?;
        }
        while let Some((since, hour, ids)) = self.chunks.front()
            && since.elapsed() >= stay
        {
            let chunks: Vec<_> = ids.iter().map(|id| doc! {"_id": id}).collect();
            bulk::delete(hours, &chunks, DELETING).await?;
            headers::forget(hours, *hour, ids).await?;
            self.chunks.pop_front();
        }
        Ok(self.search.is_some())
    }

    /// Takes up the chunks that headers from an hour on name and that are no part of the tables made last. Returns the hour where
    /// the search goes on.
    async fn search_from(
        &mut self,
        hours: &Documents,
        first: u32,
    ) -> Result<Option<u32>, StoreError> {
        let page = headers::read_with_chunks(hours, first, SEARCHED).await?;
        let mut last = None;
        for header in &page {
            let Some(hour) = headers::number(header.hour) else {
                continue;
            };
            last = Some(hour);
            // outdated tables serve until new ones are made
            let made = header.made.or(header.outdated);
            let is_left = |id: &&Bson| match (stored::made_of(id), made) {
                (Some(of), Some(made)) => of != made,
                _ => true,
            };
            let left = header.written.iter().filter(is_left).cloned().collect();
            self.retire(hours, hour, left).await?;
            if !header.old.is_empty() {
                self.chunks
                    .push_back((Instant::now(), hour, header.old.clone()));
            }
        }
        let is_whole = page.len() as i64 == SEARCHED;
        Ok(last
            .filter(|_| is_whole)
            .and_then(|hour| hour.checked_add(1)))
    }
}
