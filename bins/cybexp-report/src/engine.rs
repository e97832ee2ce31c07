//! Answers a question for a user. All the cost of a query is here, except its queue and its seal.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cybexp_lists::KnownGood;
use cybexp_store::{Access, GraphReader, Identity, StoreError, Visible};
use lru::LruCache;
use tahoe_core::question::Question;

use crate::page::ReportPage;
use crate::reports;
use crate::sources::{Asked, Sources};

/// Answers questions: looks up what a user may see, and finds the report.
#[derive(Debug, Clone)]
pub struct Engine {
    sources: Sources,
    identity: Identity,
    /// The organisations that users could see when they asked before. An answer is begun with these while they are looked
    /// up anew, and is used only if they are the same.
    known: Arc<Mutex<LruCache<String, Visible>>>,
}

/// The number of users whose organisations are kept.
const KNOWN: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

impl Engine {
    /// Answers from this archive for these users; a threatrank takes `budget` at most.
    pub fn new(archive: GraphReader, identity: Identity, budget: Duration) -> Self {
        Self {
            sources: Sources::new(archive, budget),
            identity,
            known: Arc::new(Mutex::new(LruCache::new(KNOWN))),
        }
    }

    /// Names in answers the allow lists that hold the value.
    pub fn with_known_good(mut self, lists: Arc<KnownGood>) -> Self {
        self.sources.known_good = lists;
        self
    }

    /// Answers a question that the user of this hash asked at `now`, in Unix seconds, or gives the reason why there is no
    /// answer. With `redo`, answers that were made before are not used.
    ///
    /// # Errors
    /// The database fails.
    pub async fn page(
        &self,
        question: &Question,
        userid: &str,
        now: f64,
        redo: bool,
    ) -> Result<Result<ReportPage, String>, StoreError> {
        let asked = |visible| Asked {
            sources: &self.sources,
            visible,
            now,
            redo,
        };
        // most often nothing has changed since the user asked before
        let assumed = self.known().get(userid).cloned();
        let early = async {
            match &assumed {
                Some(visible) => Some(reports::answer(question, asked(visible)).await),
                None => None,
            }
        };
        let (access, early) = tokio::join!(self.identity.access(userid), early);
        let visible = match access? {
            Access::Orgs(visible) => visible,
            Access::UnknownUser => {
                self.known().pop(userid);
                return Ok(Err("field userid: there is no such user".to_owned()));
            }
        };
        let answer = match early {
            Some(answer) if assumed.as_ref() == Some(&visible) => answer?,
            _ => {
                self.known().put(userid.to_owned(), visible.clone());
                reports::answer(question, asked(&visible)).await?
            }
        };
        Ok(answer.map(|page| ReportPage {
            orgs: Some(visible.fingerprint()),
            ..page
        }))
    }

    fn known(&self) -> MutexGuard<'_, LruCache<String, Visible>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
