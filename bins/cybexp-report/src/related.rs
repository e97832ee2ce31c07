//! What was seen together with something: gathering it from the archive.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use cybexp_store::{CompositeRow, EventPage, StoreError, Visible};
use serde_json::Value;
use tahoe_core::question::{QueryType, Related, ReturnType, Shape};
use tahoe_core::{Hash, Instance};

use crate::Engine;
use crate::graph::{Graph, summary};
use crate::page::Page;
use crate::subject::Elsewhere;

/// Events of a page.
const PAGE: u32 = 10;
/// The most instances that one answer is made of, each counted for whatever refers to it; a report of more might not fit
/// a document.
const INSTANCES: usize = 100_000;
/// The most events that one level adds.
const EVENTS: usize = 5_000;

/// Events and sessions within reach, by hash.
#[derive(Default)]
pub(crate) struct Reached {
    pub(crate) events: BTreeMap<Hash, CompositeRow>,
    pub(crate) sessions: BTreeMap<Hash, CompositeRow>,
    /// Whether there was more than an answer can hold.
    cut: bool,
}

impl Reached {
    /// Adds events, and says which; not those for which there is no room.
    fn add_events(&mut self, events: Vec<CompositeRow>) -> Vec<Hash> {
        let mut room = INSTANCES.saturating_sub(self.size());
        let mut added = Vec::with_capacity(events.len());
        for event in events {
            let Some(left) = room.checked_sub(event.refs.len()) else {
                self.cut = true;
                break;
            };
            room = left;
            added.push(event.hash);
            self.events.insert(event.hash, event);
        }
        added
    }

    /// Adds the sessions that are new; gives their events that are new, not more than there is room for.
    fn add_sessions(&mut self, sessions: Vec<CompositeRow>) -> Vec<Hash> {
        let mut room = INSTANCES.saturating_sub(self.size());
        let mut others = BTreeSet::new();
        for session in sessions {
            if self.sessions.contains_key(&session.hash) {
                continue;
            }
            let Some(left) = room.checked_sub(session.refs.len()) else {
                self.cut = true;
                break;
            };
            room = left;
            let fresh = session
                .refs
                .iter()
                .filter(|hash| !self.events.contains_key(hash));
            others.extend(fresh.copied());
            self.sessions.insert(session.hash, session);
        }
        others.into_iter().collect()
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

impl Engine {
    /// One page of what is related.
    pub(crate) async fn related(
        &self,
        related: &Related,
        visible: &Visible,
    ) -> Result<Result<Page, String>, StoreError> {
        let mut subject = match self.subject(&related.conditions, visible).await? {
            Ok(subject) => subject,
            Err(reason) => return Ok(Err(reason)),
        };
        let of = &subject.of;
        let (mut page, mut total, mut seen) = (EventPage::default(), None, None);
        if subject.sessions.is_none() {
            (page, total, seen) = futures::try_join!(
                self.archive.events(of, visible, related.page, PAGE),
                self.archive.total(of, visible),
                self.archive.seen(of, visible),
            )?;
        }
        if subject.sessions.is_none() && seen.is_none() {
            match self.elsewhere(&subject, visible).await? {
                Elsewhere::Sessions(events) => subject.sessions = Some(events),
                Elsewhere::Unknown(reason) => return Ok(Err(reason)),
                Elsewhere::Nowhere => {}
            }
        }
        if let Some(events) = &subject.sessions {
            page = self
                .archive
                .session_page(events, related.page, PAGE)
                .await?;
            (total, seen) = (Some(events.count()), events.seen());
        }
        let told = Page::only(QueryType::Related, Value::Null)
            .about(subject.told())
            .events(&page.events)
            .total(total)
            .seen(seen);
        let mut reached = self.reach(page.events, related.level, visible).await?;
        if let Some(events) = &subject.sessions {
            reached.cut |= events.cut;
            self.reach_sessions(&mut reached).await?;
        }
        let current = i64::from(related.page);
        Ok(Ok(Page {
            data: self
                .shape(related, &reached, &subject.of.subjects, visible)
                .await?,
            current,
            next: if page.more { current + 1 } else { 1 },
            ..told.cut(reached.cut)
        }))
    }

    /// Each level above the first adds the sessions of the events reached, and those sessions' other events.
    async fn reach(
        &self,
        events: Vec<CompositeRow>,
        level: u8,
        visible: &Visible,
    ) -> Result<Reached, StoreError> {
        let mut reached = Reached::default();
        let mut newest = reached.add_events(events);
        for _ in 1..level {
            let sessions = self.archive.sessions_of(&newest, EVENTS).await?;
            reached.cut |= sessions.cut;
            let mut others = reached.add_sessions(sessions.rows);
            // their own attributes are among them, too
            reached.cut |= others.len() > EVENTS;
            others.truncate(EVENTS);
            let events = self.archive.visible_events(&others, visible).await?;
            newest = reached.add_events(events);
            if newest.is_empty() {
                break;
            }
        }
        Ok(reached)
    }

    /// Adds the sessions of all events, and none of their other events: so what was asked for, which only sessions refer
    /// to, is connected with the events.
    async fn reach_sessions(&self, reached: &mut Reached) -> Result<(), StoreError> {
        let events: Vec<Hash> = reached.events.keys().copied().collect();
        let sessions = self.archive.sessions_of(&events, EVENTS).await?;
        for mut session in sessions.rows {
            let CompositeRow { cref, refs, .. } = &mut session;
            refs.retain(|hash| cref.contains(hash) || reached.events.contains_key(hash));
            reached.sessions.entry(session.hash).or_insert(session);
        }
        Ok(())
    }

    async fn shape(
        &self,
        related: &Related,
        reached: &Reached,
        subjects: &[Hash],
        visible: &Visible,
    ) -> Result<Value, StoreError> {
        let refs = reached.refs();
        let attributes_wanted = matches!(related.return_type, None | Some(ReturnType::Attribute));
        Ok(match related.shape {
            Shape::Summary | Shape::SummaryGraph if !attributes_wanted => summary(vec![]),
            Shape::Summary => summary(self.nodes(refs).await?),
            Shape::SummaryGraph => {
                let nodes = self.nodes(refs).await?;
                Graph::new(reached, &nodes).summary(subjects)
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
                documents.sort_by(newer);
                Value::Array(documents)
            }
        })
    }
}

/// The order of documents: events, newest first, then sessions likewise, then objects and attributes.
fn newer(a: &Value, b: &Value) -> Ordering {
    let kinds = ["event", "session", "object", "attribute"];
    let kind = |one: &Value| kinds.iter().position(|kind| one["itype"] == *kind);
    let time = |one: &Value| {
        let time = one["timestamp"].as_f64().or(one["start_time"].as_f64());
        time.unwrap_or(f64::NEG_INFINITY)
    };
    let order = kind(a).cmp(&kind(b)).then(time(b).total_cmp(&time(a)));
    ["sub_type", "_hash"].iter().fold(order, |order, field| {
        order.then_with(|| a[field].as_str().cmp(&b[field].as_str()))
    })
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
