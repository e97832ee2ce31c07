//! Threatranks that were worked out before, which hold as long as no event has come in since.
//!
//! Other answers are made anew each time they are asked for: looking whether an old one still holds would cost as much.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use cybexp_store::{StoreError, Version, Visible};
use lru::LruCache;
use tahoe_core::Hash;
use tahoe_core::question::QueryType;
use tahoe_core::time::TimeRange;

use crate::Engine;
use crate::page::Page;

/// Ranks that are remembered, 16 MB at most.
const RANKS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();
/// A longer answer is not remembered.
const MOST_BYTES: usize = 16 << 10;
/// A rank falls as events age, by 0.01 % an hour.
const MAX_AGE_S: f64 = 3600.0;

/// The ranks that were asked for last, each for those who may see the same.
#[derive(Debug, Clone)]
pub(crate) struct Ranks(Arc<Mutex<LruCache<(Hash, Visible), Rank>>>);

#[derive(Debug)]
struct Rank {
    version: Version,
    page: Page,
    /// As of when, in Unix seconds.
    now: f64,
}

impl Ranks {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(RANKS))))
    }

    fn get(&self, of: &(Hash, Visible), version: Version, now: f64) -> Option<Page> {
        let mut ranks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rank = ranks.get(of)?;
        let holds = rank.version == version && (now - rank.now).abs() < MAX_AGE_S;
        holds.then(|| rank.page.clone())
    }

    fn put(&self, of: (Hash, Visible), rank: Rank) {
        let mut ranks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ranks.put(of, rank);
    }
}

impl Engine {
    /// How threatening the event is as of `now`; nothing if there is none that `visible` shows.
    pub(crate) async fn rank(
        &self,
        event: Hash,
        now: f64,
        visible: &Visible,
        redo: bool,
    ) -> Result<Option<Page>, StoreError> {
        // before anything is read, so what comes in meanwhile counts as a change
        let version = self.archive.version(&TimeRange::default()).await?;
        let of = (event, visible.clone());
        if !redo && let Some(page) = self.ranks.get(&of, version, now) {
            return Ok(Some(page));
        }
        let begun = crate::answer::unix_now();
        let Some(data) = self.threatrank(event, now, visible).await? else {
            return Ok(None);
        };
        let mut page = Page::only(QueryType::ThreatRank, data);
        page.begun = Some(begun);
        if page.data.to_string().len() <= MOST_BYTES {
            let page = page.clone();
            self.ranks.put(of, Rank { version, page, now });
        }
        Ok(Some(page))
    }
}
