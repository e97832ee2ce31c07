//! The page of a session: its story, in order of time.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::json;

use crate::app::App;
use crate::ask::{ask_one, question};
use crate::error::WebError;
use crate::graph::subject_of_event;
use crate::instances::{Composite, Related, scalar};
use crate::params::Params;
use crate::sign_in::SignedIn;
use crate::story::{Step, told};
use crate::subject::Subject;
use crate::view::frame::page;
use crate::view::number::counted;
use crate::view::time::{span, time_or_dash};
use crate::view::{text, value};

/// The most steps that a page tells.
const TOLD: usize = 300;
/// The sub_types by which the same bot is known elsewhere.
const BEHAVIOUR: [&str; 6] = [
    "hassh",
    "ssh_version",
    "ssh_fingerprint",
    "sha256",
    "url",
    "ja4",
];

/// `GET /session`
pub(crate) async fn session(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Result<Response, WebError> {
    let subject = Subject::read(&params)
        .ok_or_else(|| WebError::Wrong("The address of the page names no session.".to_owned()))?;
    let mut fields = subject.fields();
    fields.insert("level".to_owned(), json!(2));
    fields.insert("summary".to_owned(), json!(false));
    let report = ask_one(&person.client, question("related", fields), app.wait).await?;
    let related = Related::read(&subject, &report);
    let own = |session: &&Composite| !session.refs.is_disjoint(&related.subjects);
    let mut sessions: Vec<&Composite> = related.sessions.iter().filter(own).collect();
    sessions.sort_by(|a, b| {
        a.at.unwrap_or_default()
            .total_cmp(&b.at.unwrap_or_default())
    });
    if sessions.is_empty() {
        return Err(WebError::NotFound(
            "There is no such session, or you may not see its events.".to_owned(),
        ));
    }
    let body = html! {
        h1.subject { span.tag.k-session { "session" } " " (text::block(subject.text())) }
        @for session in &sessions { (story(&subject, session, &related)) }
        (elsewhere(&sessions, &related))
        p { a href=(subject.path_with("/value", &[("level", "2")])) { "The graph around this session" } }
    };
    Ok(page(&person, "Session", &body).into_response())
}

fn story(subject: &Subject, session: &Composite, related: &Related) -> Markup {
    let mut events: Vec<&Composite> = related
        .events
        .iter()
        .filter(|event| session.refs.contains(&event.hash))
        .collect();
    // events of one time stay in the order of the report, which is always the same
    events.sort_by(|a, b| {
        a.at.unwrap_or_default()
            .total_cmp(&b.at.unwrap_or_default())
    });
    let steps = told(&events);
    let left_out = steps.len().saturating_sub(TOLD);
    html! {
        dl.facts {
            @if let Some(sensor) = session.text(&["sensor"]) { div { dt { "sensor" } dd { (text::line(&sensor)) } } }
            @if let Some(from) = attacker(&events) { div { dt { "from" } dd { (from) } } }
            div { dt { "began" } dd { (time_or_dash(session.at)) } }
            @if let (Some(from), Some(to)) = (session.at, session.end) { div { dt { "lasted" } dd { (span(to - from)) } } }
            div { dt { "events" } dd { (events.len()) } }
        }
        ol.story {
            @for step in steps.iter().take(TOLD) { (line(subject, step)) }
        }
        @if left_out > 0 { p.note { (counted(left_out as u64, "more step is", "more steps are")) " not told here." } }
        @if related.cut { p.note { "The session is longer than one answer of the API: this is its beginning." } }
    }
}

fn attacker(events: &[&Composite]) -> Option<Markup> {
    let found = events.iter().find_map(|event| {
        ["ipv4", "ipv6"]
            .iter()
            .find_map(|sub_type| Some((*sub_type, event.first(&["attacker", sub_type])?)))
    });
    let (sub_type, data) = found?;
    let subject = Subject::of_attribute(sub_type, data)?;
    Some(value::linked(&subject, &scalar(data)))
}

fn line(subject: &Subject, step: &Step<'_>) -> Markup {
    html! {
        @if let Some(gap) = step.gap { li.gap { span { (span(gap)) " of silence" } } }
        li.(step.class) {
            a.at href=(subject_of_event(subject, step.event)) title="The event" { "+" (span(step.after)) }
            span.what {
                (step.said) " "
                @if let Some((sub_type, data)) = step.value {
                    @match Subject::of_attribute(sub_type, data) {
                        Some(one) => { (value::linked(&one, &scalar(data))) }
                        None => { (text::line(&scalar(data))) }
                    }
                }
                @if let Some(rest) = &step.rest { " " span.prose { (text::line(rest)) } }
                @if step.times > 1 { " " span.note { "(" (step.times) " times)" } }
            }
        }
    }
}

/// Shows values by which the same behaviour is found elsewhere.
fn elsewhere(sessions: &[&Composite], related: &Related) -> Markup {
    let own = |event: &&Composite| sessions.iter().any(|one| one.refs.contains(&event.hash));
    let mut found: Vec<_> = related
        .events
        .iter()
        .filter(own)
        .flat_map(|event| related.attributes_of(event))
        .filter(|one| BEHAVIOUR.contains(&one.sub_type.as_str()))
        .collect();
    found.sort_by_key(|one| {
        let place = BEHAVIOUR.iter().position(|name| *name == one.sub_type);
        (place, scalar(&one.data))
    });
    found.dedup_by_key(|one| one.hash.as_str());
    html! {
        @if !found.is_empty() {
            section aria-labelledby="elsewhere" {
                h2 #elsewhere { "The same elsewhere" }
                p.note { "Who else behaves like this, or fetches the same? Each of these leads to all events that share it." }
                ul.plain {
                    @for one in found.iter().take(20) {
                        li { (value::sub_type(&one.sub_type)) " " (value::linked(&Subject::of(&one.sub_type, &one.data, &one.hash), &scalar(&one.data))) }
                    }
                }
            }
        }
    }
}
