//! The events of a page, newest first, and their sessions, which tell what was done and at which sensor.

use maud::{Markup, html};

use crate::graph::subject_of_event;
use crate::instances::{Composite, Related, scalar};
use crate::query::PageQuery;
use crate::subject::Subject;
use crate::view::number::counted;
use crate::view::time::{span, time, time_or_dash};
use crate::view::{text, value};

/// The most sessions that a page lists.
const LISTED: usize = 30;
/// The most values in the line of an event.
const VALUES: usize = 4;

/// Shows the events.
pub(super) fn events(query: &PageQuery, related: &Related) -> Markup {
    let is_own = |event: &&Composite| related.own.contains(&event.hash);
    let others = related.events.iter().filter(|event| !is_own(event)).count();
    html! {
        section aria-labelledby="events" {
            h2 #events { "Events" }
            div.scroll tabindex="0" role="group" aria-labelledby="events" {
                table {
                    thead { tr { th { "time" } th { "event" } th { "category" } th { "it" } th { "with" } } }
                    tbody {
                        @for event in related.events.iter().filter(is_own) {
                            tr {
                                td { a href=(subject_of_event(&query.subject, event)) { @match event.at { Some(at) if at > 0.0 => (time(at)), _ => "at all times" } } }
                                td.name { (text::short(&event.sub_type, 40)) }
                                td { (value::category(&event.category)) }
                                td { (context(event, related)) }
                                td { (values(event, related)) }
                            }
                        }
                    }
                }
            }
            @if others > 0 { p.note { "Besides these, " (counted(others as u64, "event", "events")) " of their sessions: open a session to read them." } }
            (paging(query, related))
        }
    }
}

/// Says in which context an event refers to the value.
fn context(event: &Composite, related: &Related) -> Markup {
    let mut own = related.subjects.iter();
    match own.find(|hash| event.refs.contains(*hash)) {
        Some(hash) => value::category(event.context_of(hash)),
        None => html! { span.note { "in the session" } },
    }
}

/// Shows the first values of an event, the malicious ones before the others.
fn values(event: &Composite, related: &Related) -> Markup {
    let mut all: Vec<_> = related
        .attributes_of(event)
        .filter(|one| !related.subjects.contains(&one.hash))
        .collect();
    all.sort_by_key(|one| (!event.malicious.contains(&one.hash), one.sub_type.as_str()));
    let left_out = all.len().saturating_sub(VALUES);
    html! {
        ul.inline {
            @for one in all.iter().take(VALUES) {
                li { (value::sub_type(&one.sub_type)) " "
                    (value::short(Some(&Subject::of(&one.sub_type, &one.data, &one.hash)), &scalar(&one.data), 60)) }
            }
            @if left_out > 0 { li.note { "and " (left_out) " more" } }
        }
    }
}

fn paging(query: &PageQuery, related: &Related) -> Markup {
    html! {
        @if query.page > 1 || related.more {
            nav.paging aria-label="Pages of events" {
                @if query.page > 1 { a rel="prev" href=(query.path("/value", query.page - 1)) { "← newer" } }
                span { "page " (query.page) }
                @if related.more { a rel="next" href=(query.path("/value", query.page + 1)) { "older →" } }
            }
        }
    }
}

/// Shows the sessions of the events.
pub(super) fn sessions(sessions: &[Composite]) -> Markup {
    let left_out = sessions.len().saturating_sub(LISTED);
    html! {
        @if !sessions.is_empty() { section aria-labelledby="sessions" {
            h2 #sessions { "Sessions" }
            p.note { "Each tells what was done, in order." }
            div.scroll tabindex="0" role="group" aria-labelledby="sessions" {
                table {
                    thead { tr { th { "session" } th { "sensor" } th { "began" } th { "lasted" } } }
                    tbody {
                        @for session in sessions.iter().take(LISTED) {
                            tr {
                                td { (value::session(session)) }
                                td { @if let Some(sensor) = session.text(&["sensor"]) { (text::line(&sensor)) } }
                                td { (time_or_dash(session.at)) }
                                td { @if let (Some(from), Some(to)) = (session.at, session.end) { (span(to - from)) } }
                            }
                        }
                    }
                }
            }
            @if left_out > 0 { p.note { (counted(left_out as u64, "more session has", "more sessions have")) " no room here." } }
        } }
    }
}
