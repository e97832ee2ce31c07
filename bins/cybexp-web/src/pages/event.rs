//! The page of an event: what was made of a submission, and how threatening it is.
//!
//! The API finds events by the values in them, so the address of the page holds such a value and the event's time.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::{Map, Value, json};
use tahoe_core::Hash;

use crate::app::App;
use crate::ask::{Answer, ask, question};
use crate::error::WebError;
use crate::instances::{Composite, Related, scalar};
use crate::params::Params;
use crate::sign_in::SignedIn;
use crate::subject::{Subject, attribute};
use crate::view::frame::page;
use crate::view::number::counted;
use crate::view::score::score;
use crate::view::time::time_or_dash;
use crate::view::{text, value};

/// The pages of events with one value and time that are searched for an event.
const PAGES: u32 = 5;
/// The most values that are shown of one list.
const LISTED: usize = 200;
/// The deepest nesting that is shown.
const DEPTH: usize = 8;

/// `GET /event`
pub(crate) async fn event(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Result<Response, WebError> {
    let wrong = || WebError::Wrong("The address of the page names no event.".to_owned());
    let hash: Hash = params
        .get("id")
        .and_then(|id| id.parse().ok())
        .ok_or_else(wrong)?;
    let hash = hash.to_string();
    let rank = question(
        "threatrank",
        Map::from_iter([("_hash".to_owned(), json!(hash))]),
    );
    let at: Option<f64> = params.get("at").and_then(|at| at.parse().ok());
    let subject = Subject::read(&params);
    let found = find(&app, &person, &hash, subject.as_ref(), at);
    let rank = ask(&person.client, vec![rank], app.wait);
    let (found, rank) = tokio::join!(found, rank);
    let (found, rank) = (found?, rank?.pop().unwrap_or(Answer::NotReady));
    let body = match (&found, &rank) {
        (Some(related), rank) => {
            let event = related.events.iter().find(|event| event.hash == hash);
            let event = event.ok_or_else(wrong)?;
            html! { (shown(event, related)) (ranked(rank)) (raw(event)) }
        }
        (None, Answer::Report(_)) => html! {
            h1.subject { span.tag.f-other { "event" } " " (text::line(&hash)) }
            p.note { "The API finds what is in an event only by one of its values. Open the event from the page of a value." }
            (ranked(&rank))
        },
        (None, _) => {
            return Err(WebError::NotFound(
                "There is no such event, or you may not see it.".to_owned(),
            ));
        }
    };
    Ok(page(&person, "Event", &body).into_response())
}

/// Looks for the event among those that hold the value at this time. Without a value, the API cannot find it.
async fn find(
    app: &App,
    person: &SignedIn,
    hash: &str,
    subject: Option<&Subject>,
    at: Option<f64>,
) -> Result<Option<Related>, WebError> {
    let Some(subject) = subject else {
        return Ok(None);
    };
    for page in 1..=PAGES {
        let mut fields = subject.fields();
        if let Some(at) = at {
            fields.insert("from".to_owned(), json!(at));
            fields.insert("to".to_owned(), json!(at));
        }
        fields.insert("level".to_owned(), json!(2));
        fields.insert("page".to_owned(), json!(page));
        fields.insert("summary".to_owned(), json!(false));
        let asked = vec![question("related", fields)];
        let answer = ask(&person.client, asked, app.wait).await?.pop();
        let report = match answer {
            Some(Answer::Report(report)) => report,
            Some(Answer::NotReady) | None => return Err(WebError::NotReady),
            Some(Answer::Refused(_)) => return Ok(None),
        };
        let related = Related::read(subject, &report);
        if related.events.iter().any(|event| event.hash == hash) {
            return Ok(Some(related));
        }
        if !related.more {
            break;
        }
    }
    Ok(None)
}

fn shown(event: &Composite, related: &Related) -> Markup {
    html! {
        h1.subject { (text::line(&event.sub_type)) " " span.note { "event" } " " (value::category(&event.category)) }
        dl.facts {
            div { dt { "time" } dd { (time_or_dash(event.at)) } }
            div { dt { "organisation" } dd { code.hash { (text::line(&event.orgid)) } } }
            div { dt { "hash" } dd { code.hash { (text::line(&event.hash)) } } }
            @for session in related.sessions_of(&event.hash) {
                div { dt { "session" } dd { (value::session(session)) } }
            }
        }
        section aria-labelledby="holds" {
            h2 #holds { "What it holds" }
            (children(&event.data, event, DEPTH))
        }
    }
}

/// Shows the parts of an event or object: a sub_type with its values, or with objects that have parts themselves.
fn children(data: &Value, event: &Composite, depth: usize) -> Markup {
    let Some(map) = data.as_object().filter(|_| depth > 0) else {
        return html! { p.note { "deeper than is shown here" } };
    };
    html! {
        ul.tree {
            @for (sub_type, values) in map {
                @let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
                @for one in values.iter().take(LISTED) {
                    li {
                        @match one {
                            Value::Object(_) => { span.object { (text::line(sub_type)) } (children(one, event, depth - 1)) }
                            scalar => { (leaf(sub_type, scalar, event)) }
                        }
                    }
                }
                @if values.len() > LISTED { li.note { (counted((values.len() - LISTED) as u64, "more", "more")) " " (text::line(sub_type)) } }
            }
        }
    }
}

fn leaf(sub_type: &str, data: &Value, event: &Composite) -> Markup {
    let hash = attribute(sub_type, data).map(|one| one.hash().to_string());
    let hash = hash.unwrap_or_default();
    let subject = Subject::of(sub_type, data, &hash);
    html! {
        (value::sub_type(sub_type)) " "
        (value::linked(&subject, &scalar(data)))
        @match event.context_of(&hash) {
            "unknown" => {}
            context => { " " (value::category(context)) }
        }
    }
}

fn ranked(rank: &Answer) -> Markup {
    let report = match rank {
        Answer::Report(report) => report,
        Answer::Refused(reason) => return html! { p.note { (text::line(reason)) } },
        Answer::NotReady => return WebError::NotReady.part(),
    };
    let data = &report["data"];
    let contributors = data["contributors"].as_array();
    let contributors = contributors.map(Vec::as_slice).unwrap_or_default();
    html! {
        section aria-labelledby="rank" {
            h2 #rank { "ThreatRank" }
            p.rank { (score(data)) }
            p.note {
                @let paths = data["paths"].as_u64().unwrap_or_default();
                "From " (counted(paths, "path", "paths")) " to malicious events. "
                @if data["exact"] == true { "All paths were searched." } @else { "Not all paths were searched: the bound tells how far the score may be off." }
            }
            @if !contributors.is_empty() {
                table {
                    thead { tr { th { "through" } th.n { "share" } th { span.hidden { "share as a bar" } } } }
                    tbody { @for one in contributors { (contributor(one)) } }
                }
            }
        }
    }
}

fn contributor(one: &Value) -> Markup {
    let sub_type = one["sub_type"].as_str().unwrap_or_default();
    let share = one["share"].as_f64().unwrap_or_default().clamp(0.0, 1.0);
    let shown = scalar(&one["data"]);
    html! {
        tr {
            td {
                (value::sub_type(sub_type)) " "
                @match Subject::of_attribute(sub_type, &one["data"]) {
                    Some(subject) => { (value::linked(&subject, &shown)) }
                    None => { (text::line(&shown)) }
                }
            }
            td.n { (format!("{:.0} %", share * 100.0)) }
            td.bar { svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                rect.c-malicious x="0" y="0" width=(format!("{:.1}", share * 100.0)) height="8" {}
            } }
        }
    }
}

/// Shows the event as the API gives it.
fn raw(event: &Composite) -> Markup {
    let json = serde_json::to_string_pretty(&event.data).unwrap_or_default();
    html! {
        details { summary { "As JSON" } pre tabindex="0" { (text::block(&json)) } }
    }
}
