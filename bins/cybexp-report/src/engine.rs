//! From a question to its answer: all that a query costs but its queue and its seal.

use std::time::Duration;

use cybexp_store::{Access, Archive, Identity, StoreError};
use serde_json::{Value, json};
use tahoe_core::question::{QueryType, Question};

use crate::neighbourhood::Limits;

/// What answers are made of.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) archive: Archive,
    identity: Identity,
    pub(crate) limits: Limits,
}

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
    pub fn new(archive: Archive, identity: Identity, budget: Duration) -> Self {
        Self {
            archive,
            identity,
            limits: Limits::new(budget),
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
        let access = self.identity.access(userid);
        let (access, archive) = match question {
            // both at once
            Question::Count(of) if self.archive.knows(of) => {
                let (access, archive) = tokio::join!(access, self.archive.as_of_now());
                (access?, Some(archive?))
            }
            _ => (access.await?, None),
        };
        let visible = match access {
            Access::Orgs(visible) => visible,
            Access::UnknownUser => {
                return Ok(Err("field userid: there is no such user".to_owned()));
            }
        };
        Ok(match question {
            Question::Count(conditions) => {
                let archive = archive.as_ref().unwrap_or(&self.archive);
                let count = archive.count(conditions, &visible).await?;
                Ok(Page::only(QueryType::Count, json!({"count": count})))
            }
            Question::Related(related) => Ok(self.related(related, &visible).await?),
            Question::ThreatRank { event } => {
                let data = self.threatrank(*event, now, &visible).await?;
                data.map(|data| Page::only(QueryType::ThreatRank, data))
                    .ok_or_else(|| "field _hash: there is no such event".to_owned())
            }
        })
    }
}
