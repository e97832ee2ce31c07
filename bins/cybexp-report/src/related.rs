//! What was seen together with something: gathering it from the archive.

use std::collections::{BTreeMap, BTreeSet};

use cybexp_store::{CompositeRow, InstanceRow, StoreError, Visible};
use serde_json::Value;
use tahoe_core::question::{QueryType, Related, ReturnType, Shape};
use tahoe_core::{Hash, Instance};

use crate::Desk;
use crate::graph::{Graph, summary};

/// Events of a page.
const PAGE: u32 = 10;
/// The most instances that one answer is made of; a report of more would not fit a document.
const LIMIT: usize = 100_000;

/// One page of an answer.
pub(crate) struct Page {
    pub(crate) qtype: QueryType,
    pub(crate) data: Value,
    pub(crate) current: i64,
    pub(crate) next: i64,
}

/// An answer that no report can hold.
#[derive(Debug, thiserror::Error)]
#[error(
    "field level: the answer has over {LIMIT} instances, more than a report can hold; ask for a lower level"
)]
pub(crate) struct TooMuch;

/// Events and sessions within reach, by hash.
#[derive(Default)]
pub(crate) struct Reached {
    pub(crate) events: BTreeMap<Hash, CompositeRow>,
    pub(crate) sessions: BTreeMap<Hash, CompositeRow>,
}

impl Reached {
    fn add_events(&mut self, events: Vec<CompositeRow>) {
        self.events
            .extend(events.into_iter().map(|event| (event.hash, event)));
    }

    /// Hashes of all that they refer to, without themselves.
    fn refs(&self) -> BTreeSet<Hash> {
        let events = self.events.values().flat_map(|event| &event.refs);
        let sessions = self.sessions.values().flat_map(|session| &session.refs);
        events
            .chain(sessions)
            .filter(|hash| !self.events.contains_key(hash))
            .copied()
            .collect()
    }

    fn size(&self) -> usize {
        let events = self.events.values().map(|event| event.refs.len());
        let sessions = self.sessions.values().map(|session| session.refs.len());
        events.chain(sessions).sum()
    }
}

impl Desk {
    /// One page of what is related.
    pub(crate) async fn related(
        &self,
        related: &Related,
        visible: &Visible,
    ) -> Result<Result<Page, TooMuch>, StoreError> {
        let of = &related.conditions;
        let page = self.archive.events(of, visible, related.page, PAGE).await?;
        let Some(reached) = self.reach(page.events, related.level, visible).await? else {
            return Ok(Err(TooMuch));
        };
        let current = i64::from(related.page);
        Ok(Ok(Page {
            qtype: QueryType::Related,
            data: self.shape(related, &reached, visible).await?,
            current,
            next: if page.more { current + 1 } else { 1 },
        }))
    }

    /// Each level above the first adds the sessions of the events reached, and those sessions' other events.
    async fn reach(
        &self,
        events: Vec<CompositeRow>,
        level: u8,
        visible: &Visible,
    ) -> Result<Option<Reached>, StoreError> {
        let mut newest: Vec<Hash> = events.iter().map(|event| event.hash).collect();
        let mut reached = Reached::default();
        reached.add_events(events);
        for _ in 1..level {
            let sessions = self.archive.sessions_of(&newest).await?;
            let fresh = sessions
                .into_iter()
                .filter(|s| !reached.sessions.contains_key(&s.hash));
            let fresh: BTreeMap<Hash, CompositeRow> = fresh.map(|s| (s.hash, s)).collect();
            let others: BTreeSet<Hash> = fresh
                .values()
                .flat_map(|session| &session.refs)
                .filter(|hash| !reached.events.contains_key(hash))
                .copied()
                .collect();
            reached.sessions.extend(fresh);
            if reached.size() > LIMIT {
                return Ok(None);
            }
            let others: Vec<Hash> = others.into_iter().collect();
            let events = self.archive.visible_events(&others, visible).await?;
            newest = events.iter().map(|event| event.hash).collect();
            reached.add_events(events);
            if newest.is_empty() {
                break;
            }
        }
        Ok((reached.size() <= LIMIT).then_some(reached))
    }

    async fn shape(
        &self,
        related: &Related,
        reached: &Reached,
        visible: &Visible,
    ) -> Result<Value, StoreError> {
        let refs: Vec<Hash> = reached.refs().into_iter().collect();
        let attributes_wanted = matches!(related.return_type, None | Some(ReturnType::Attribute));
        Ok(match related.shape {
            Shape::Summary | Shape::SummaryGraph if !attributes_wanted => summary(vec![]),
            Shape::Summary => summary(self.archive.nodes(&refs, false).await?),
            Shape::SummaryGraph => {
                let nodes: Vec<InstanceRow> = self.archive.nodes(&refs, true).await?;
                Graph::new(reached, &nodes).summary(related.conditions.subject)
            }
            Shape::Documents => {
                let events = reached.events.keys().copied();
                let all: BTreeSet<Hash> = events
                    .chain(reached.sessions.keys().copied())
                    .chain(refs)
                    .collect();
                let all: Vec<Hash> = all.into_iter().collect();
                let mut documents = self
                    .archive
                    .documents(&all, related.return_type, visible)
                    .await?;
                for document in &mut documents {
                    hide_foreign_events(document, reached);
                }
                Value::Array(documents)
            }
        })
    }
}

/// A session may hold events of organisations that the user may not see: their hashes are left out.
fn hide_foreign_events(document: &mut Value, reached: &Reached) {
    if document["itype"] != "session" {
        return;
    }
    let known: BTreeSet<Hash> = match Instance::from_document(document) {
        Ok(Instance::Session(session)) => session.children().refs().iter().copied().collect(),
        _ => hashes(&document["_cref"]).collect(),
    };
    let seen: BTreeSet<String> = hashes(&document["_ref"])
        .filter(|hash| known.contains(hash) || reached.events.contains_key(hash))
        .map(|hash| hash.to_string())
        .collect();
    document["_ref"] = seen.into_iter().collect();
}

fn hashes(value: &Value) -> impl Iterator<Item = Hash> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(|item| item.as_str()?.parse().ok())
}
