//! From a question to its answer: all that a query costs but its queue and its seal.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cybexp_store::{Access, GraphReader, Identity, InstanceRow, StoreError, Visible};
use lru::LruCache;
use tahoe_core::Hash;
use tahoe_core::question::Question;
use threatrank::{Limits, NodeKind};

use crate::page::Page;
use crate::ranks::Ranks;
use crate::remembered::Remembered;

/// What answers are made of.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) archive: GraphReader,
    pub(crate) kinds: Remembered<NodeKind>,
    nodes: Remembered<InstanceRow>,
    identity: Identity,
    pub(crate) limits: Limits,
    pub(crate) ranks: Ranks,
    /// What users could see when they asked before. An answer is begun with it while that is looked up anew, and holds only
    /// if it is the same.
    known: Arc<Mutex<LruCache<String, Visible>>>,
}

/// Users whose organisations are remembered.
const KNOWN: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

impl Engine {
    /// Answers from this archive what these users may see; a threatrank within `budget`.
    pub fn new(archive: GraphReader, identity: Identity, budget: Duration) -> Self {
        Self {
            archive,
            kinds: Remembered::new(),
            nodes: Remembered::new(),
            identity,
            limits: Limits::new(budget),
            ranks: Ranks::new(),
            known: Arc::new(Mutex::new(LruCache::new(KNOWN))),
        }
    }

    /// The answer to a question that the user of this hash asked at `now`, in Unix seconds, or why there is none. With
    /// `redo` nothing is used of answers that were made before. An error is one of the database.
    pub async fn page(
        &self,
        question: &Question,
        userid: &str,
        now: f64,
        redo: bool,
    ) -> Result<Result<Page, String>, StoreError> {
        // most often nothing has changed since the user asked before
        let assumed = self.known().get(userid).cloned();
        let early = async {
            match &assumed {
                Some(visible) => Some(self.answer(question, visible, now, redo).await),
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
                self.answer(question, &visible, now, redo).await?
            }
        };
        Ok(answer.map(|page| Page {
            orgs: Some(visible.fingerprint()),
            ..page
        }))
    }

    /// The answer for someone who may see this.
    async fn answer(
        &self,
        question: &Question,
        visible: &Visible,
        now: f64,
        redo: bool,
    ) -> Result<Result<Page, String>, StoreError> {
        match question {
            Question::Count(conditions) => self.count(conditions, visible).await,
            Question::Related(related) => self.related(related, visible).await,
            Question::ThreatRank { event } => {
                let rank = self.rank(*event, now, visible, redo).await?;
                Ok(rank.ok_or_else(|| "field _hash: there is no such event".to_owned()))
            }
        }
    }

    /// Those of these that are attributes or objects.
    pub(crate) async fn nodes(
        &self,
        hashes: impl IntoIterator<Item = Hash>,
    ) -> Result<Vec<InstanceRow>, StoreError> {
        let read = async |unknown: Vec<Hash>| self.archive.nodes(&unknown).await;
        self.nodes.of(hashes, read).await
    }

    fn known(&self) -> MutexGuard<'_, LruCache<String, Visible>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
