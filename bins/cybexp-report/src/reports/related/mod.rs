//! The `related` report: events that meet the conditions, a page at a time, and the values seen together with them.
//!
//! Reads the page's events from the archive, then their sessions and other events as far as the level says, and shapes
//! their values into a summary, a graph or documents.

mod chosen;
mod documents;
mod graph;
mod reached;

use std::collections::BTreeSet;

use cybexp_store::{CompositeRow, EventPage, GraphReader, InstanceRow, SessionId, StoreError};
use serde_json::Value;
use tahoe_core::Hash;
use tahoe_core::question::{QueryType, Related, ReturnType, Shape};

use crate::memory::ANSWER_BYTES;
use crate::page::ReportPage;
use crate::sources::{Answered, Asked};
use crate::subject::{Elsewhere, Subject};
use documents::{newer, refer_to_events};
use graph::{AnswerGraph, summary};
use reached::Reached;

/// Events of a page.
const PAGE: u32 = 10;
/// The most events that one level adds.
const EVENTS: usize = 5_000;

/// Answers with one page of the events that meet the conditions, and the values seen with them.
pub(crate) async fn answer(related: &Related, asked: Asked<'_>) -> Answered {
    let (archive, visible) = (&asked.sources.archive, asked.visible);
    let mut subject = match Subject::find(&related.conditions, asked).await? {
        Ok(subject) => subject,
        Err(reason) => return Ok(Err(reason)),
    };
    let of = &subject.of;
    let found = async {
        match subject.sessions {
            Some(_) => Ok((EventPage::default(), (None, None))),
            None => futures::try_join!(
                archive.events(of, visible, related.page, PAGE),
                archive.outline(of, visible),
            ),
        }
    };
    let verdicts = archive.verdicts(&subject.forms, visible);
    let ((mut page, (mut total, mut seen)), verdicts) = futures::try_join!(found, verdicts)?;
    if subject.sessions.is_none() && seen.is_none() {
        match subject.elsewhere(asked).await? {
            Elsewhere::Sessions(events) => subject.sessions = Some(events),
            // a value of which nothing but a verdict is known is no typing error
            Elsewhere::Unknown(reason) if verdicts.is_empty() => return Ok(Err(reason)),
            Elsewhere::Unknown(_) | Elsewhere::Nowhere => {}
        }
    }
    if let Some(events) = &subject.sessions {
        page = archive.session_page(events, related.page, PAGE).await?;
        (total, seen) = (Some(events.count()), events.seen());
    }
    let told = ReportPage::only(QueryType::Related, Value::Null)
        .about(subject.told())
        .known_good(subject.told(), &asked.sources.known_good)
        .verdicts(&verdicts)
        .events(&page.events)
        .total(total)
        .seen(seen);
    let mut reached = reach(
        page.events,
        related.level,
        related.conditions.derived,
        archive,
    )
    .await?;
    if let Some(events) = &subject.sessions {
        reached.cut |= events.cut;
        reach_sessions(&mut reached, archive).await?;
    }
    let current = i64::from(related.page);
    let (data, cut) = shape(related, &reached, &subject.of.subjects, asked).await?;
    Ok(Ok(ReportPage {
        data,
        current,
        next: if page.more { current + 1 } else { 1 },
        ..told.cut(reached.cut || cut)
    }))
}

/// Each level above the first adds the sessions of the events reached, and those sessions' other events; with `derived`
/// also what filters derived from the sessions.
async fn reach(
    events: Vec<CompositeRow>,
    level: u8,
    derived: bool,
    archive: &GraphReader,
) -> Result<Reached, StoreError> {
    let mut reached = Reached::default();
    let mut sessions = reached.add_events(events);
    for _ in 1..level {
        let new: Vec<SessionId> = sessions.into_iter().collect();
        if new.is_empty() {
            break;
        }
        let (rows, (events, cut)) = futures::try_join!(
            archive.sessions(&new),
            archive.events_of_sessions(&new, EVENTS)
        )?;
        reached.cut |= cut;
        reached.add_sessions(rows);
        sessions = reached.add_events(events);
        if derived {
            let (events, cut) = archive.derived_from_sessions(&new, EVENTS).await?;
            reached.cut |= cut;
            reached.add_events(events);
        }
    }
    Ok(reached)
}

/// Adds the sessions of all events, without their other events. This connects a value that only sessions have with the
/// events.
async fn reach_sessions(reached: &mut Reached, archive: &GraphReader) -> Result<(), StoreError> {
    let sessions = reached.events_of_sessions().into_keys();
    let new: Vec<SessionId> = sessions
        .filter(|id| !reached.sessions.contains_key(id))
        .collect();
    reached.add_sessions(archive.sessions(&new).await?);
    Ok(())
}

/// Makes the report's data in the shape that was asked for, and tells whether something of it was left out.
async fn shape(
    related: &Related,
    reached: &Reached,
    subjects: &[Hash],
    asked: Asked<'_>,
) -> Result<(Value, bool), StoreError> {
    let attributes_wanted = matches!(related.return_type, None | Some(ReturnType::Attribute));
    Ok(match related.shape {
        Shape::Summary | Shape::SummaryGraph if !attributes_wanted => (summary(vec![]), false),
        Shape::Summary => {
            let (nodes, cut) = nodes(reached.refs(), asked).await?;
            (summary(nodes), cut)
        }
        Shape::SummaryGraph => {
            let (nodes, cut) = nodes(reached.refs(), asked).await?;
            let (data, more) = AnswerGraph::new(reached, &nodes).summary(subjects, ANSWER_BYTES);
            (data, cut || more)
        }
        Shape::Documents => documents(related.return_type, reached, asked).await?,
    })
}

/// Returns the attributes and objects among these, as many as an answer may have, and whether there are more.
async fn nodes(
    hashes: BTreeSet<Hash>,
    asked: Asked<'_>,
) -> Result<(Vec<InstanceRow>, bool), StoreError> {
    let Asked {
        sources, visible, ..
    } = asked;
    let all = hashes.iter().copied();
    if let Some(nodes) = sources.nodes_up_to(all, ANSWER_BYTES).await? {
        return Ok((nodes, false));
    }
    let hashes: Vec<Hash> = hashes.into_iter().collect();
    let sizes = sources.archive.sizes(&hashes, None, visible).await?;
    let (some, cut) = chosen::smallest(sizes, ANSWER_BYTES);
    Ok((sources.nodes(some).await?, cut))
}

/// Returns the documents of an answer, as many as it may have, and whether there are more.
async fn documents(
    itype: Option<ReturnType>,
    reached: &Reached,
    asked: Asked<'_>,
) -> Result<(Value, bool), StoreError> {
    let (archive, visible) = (&asked.sources.archive, asked.visible);
    let nodes_and_events: BTreeSet<Hash> = reached
        .refs()
        .into_iter()
        .chain(reached.events.keys().copied())
        .collect();
    let all: Vec<Hash> = nodes_and_events.into_iter().collect();
    let sizes = archive.sizes(&all, itype, visible).await?;
    let (some, cut) = chosen::documents(sizes, reached, ANSWER_BYTES);
    let mut documents = archive.documents(&some, itype, visible).await?;
    if matches!(itype, None | Some(ReturnType::Session)) {
        let sessions: Vec<SessionId> = reached.sessions.keys().copied().collect();
        let events = reached.events_of_sessions();
        for (id, mut session) in archive.session_documents(&sessions).await? {
            if let Some(events) = events.get(&id) {
                refer_to_events(&mut session, events);
            }
            documents.push(session);
        }
    }
    documents.sort_by(newer);
    Ok((Value::Array(documents), cut))
}
