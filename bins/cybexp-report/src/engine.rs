//! From a question to its answer: all that a query costs but its queue and its seal.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cybexp_store::{Access, GraphReader, Identity, InstanceRow, StoreError, Visible};
use lru::LruCache;
use serde_json::{Value, json};
use tahoe_core::Hash;
use tahoe_core::question::{QueryType, Question};
use threatrank::{Limits, NodeKind};

use crate::remembered::Remembered;

/// What answers are made of.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) archive: GraphReader,
    pub(crate) kinds: Remembered<NodeKind>,
    nodes: Remembered<InstanceRow>,
    identity: Identity,
    pub(crate) limits: Limits,
    /// What users could see when they asked before. An answer is begun with it while that is looked up anew, and holds only
    /// if it is the same.
    known: Arc<Mutex<LruCache<String, Visible>>>,
}

/// Users whose organisations are remembered.
const KNOWN: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// One page of an answer.
#[derive(Debug)]
pub struct Page {
    /// What was asked for.
    pub qtype: QueryType,
    /// The answer.
    pub data: Value,
    /// Its number, from 1.
    pub current: i64,
    /// The next one's; 1 after the last.
    pub next: i64,
    /// Whether there is more than an answer holds.
    pub cut: bool,
}

impl Page {
    /// The one page of a report that has no more.
    fn only(qtype: QueryType, data: Value) -> Self {
        Self {
            qtype,
            data,
            current: 1,
            next: 1,
            cut: false,
        }
    }
}

impl Engine {
    /// Answers from this archive what these users may see; a threatrank within `budget`.
    pub fn new(archive: GraphReader, identity: Identity, budget: Duration) -> Self {
        Self {
            archive,
            kinds: Remembered::new(),
            nodes: Remembered::new(),
            identity,
            limits: Limits::new(budget),
            known: Arc::new(Mutex::new(LruCache::new(KNOWN))),
        }
    }

    /// The answer to a question that the user of this hash asked at `now`, in Unix seconds, or why there is none. An
    /// error is one of the database.
    pub async fn page(
        &self,
        question: &Question,
        userid: &str,
        now: f64,
    ) -> Result<Result<Page, String>, StoreError> {
        // most often nothing has changed since the user asked before
        let assumed = self.known().get(userid).cloned();
        let early = async {
            match &assumed {
                Some(visible) => Some(self.answer(question, visible, now).await),
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
        match early {
            Some(answer) if assumed.as_ref() == Some(&visible) => answer,
            _ => {
                self.known().put(userid.to_owned(), visible.clone());
                self.answer(question, &visible, now).await
            }
        }
    }

    /// The answer for someone who may see this.
    async fn answer(
        &self,
        question: &Question,
        visible: &Visible,
        now: f64,
    ) -> Result<Result<Page, String>, StoreError> {
        Ok(match question {
            Question::Count(conditions) => {
                let count = self.archive.count(conditions, visible).await?;
                Ok(Page::only(QueryType::Count, json!({"count": count})))
            }
            Question::Related(related) => Ok(self.related(related, visible).await?),
            Question::ThreatRank { event } => {
                let data = self.threatrank(*event, now, visible).await?;
                data.map(|data| Page::only(QueryType::ThreatRank, data))
                    .ok_or_else(|| "field _hash: there is no such event".to_owned())
            }
        })
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
