//! Threatranks that were worked out before. A rank holds as long as no event has come in since.
//!
//! Other answers are made anew each time: finding out whether an old one still holds would cost as much.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use cybexp_store::{Version, Visible};
use lru::LruCache;
use tahoe_core::Hash;

use crate::page::ReportPage;

/// The number of ranks that are kept: 16 MB at most.
const RANKS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();
/// The longest answer that is kept, in bytes.
const MOST_BYTES: usize = 16 << 10;
/// The age at which a rank is dropped, in seconds: it falls as events age, by 0.01 % an hour.
const MAX_AGE_S: f64 = 3600.0;

/// The ranks that were asked for last, by event and by what their user may see; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Ranks(Arc<Mutex<LruCache<(Hash, Visible), RankedPage>>>);

/// A threatrank that was worked out.
#[derive(Debug)]
pub(crate) struct RankedPage {
    /// The archive's version before the rank was worked out.
    pub(crate) version: Version,
    /// The answer.
    pub(crate) page: ReportPage,
    /// The time as of which the rank was worked out, in Unix seconds.
    pub(crate) now: f64,
}

impl Ranks {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(RANKS))))
    }

    /// Returns the rank of this event for users who may see this, if it still holds.
    pub(crate) fn get(
        &self,
        of: &(Hash, Visible),
        version: Version,
        now: f64,
    ) -> Option<ReportPage> {
        let mut ranks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rank = ranks.get(of)?;
        let holds = rank.version == version && (now - rank.now).abs() < MAX_AGE_S;
        holds.then(|| rank.page.clone())
    }

    /// Keeps the rank, unless it is too long.
    pub(crate) fn put(&self, of: (Hash, Visible), rank: RankedPage) {
        if rank.page.data.to_string().len() > MOST_BYTES {
            return;
        }
        let mut ranks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ranks.put(of, rank);
    }
}
