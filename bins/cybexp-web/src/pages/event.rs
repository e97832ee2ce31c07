//! The page of an event: what was made of a submission, and how threatening it is.
//!
//! The API finds events by the values in them, so the address of the page holds such a value and the event's time.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::{Map, Value, json};
use tahoe_core::Hash;

use super::category;
use super::finding::find;
use super::post::listed;
use crate::app::App;
use crate::ask::{Answer, ask, question};
use crate::error::WebError;
use crate::instances::{Composite, Related, scalar};
use crate::params::Params;
use crate::sign_in::SignedIn;
use crate::subject::{Subject, attribute};
use crate::view::frame::page;
use crate::view::number::counted;
use crate::view::rank::rank;
use crate::view::time::time_or_dash;
use crate::view::{text, value};

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
    let asked = question(
        "threatrank",
        Map::from_iter([("_hash".to_owned(), json!(hash))]),
    );
    let at: Option<f64> = params.get("at").and_then(|at| at.parse().ok());
    let subject = Subject::read(&params);
    let found = find(&app, &person, &hash, subject.as_ref(), at);
    let ranking = ask(&person.client, vec![asked], app.wait);
    let (found, ranking) = tokio::join!(found, ranking);
    let (found, ranking) = (found?, ranking?.pop().unwrap_or(Answer::NotReady));
    let body = match (&found, &ranking) {
        (Some(related), ranking) => {
            let event = related.events.iter().find(|event| event.hash == hash);
            let event = event.ok_or_else(wrong)?;
            let form = match &subject {
                Some(subject) => category::form(&person, event, subject).await?,
                None => html! {},
            };
            let owner = owner(&person, &event.orgid).await?;
            html! {
                @if params.get("done") == Some("category") { div.notice.good role="status" { "The category is changed." } }
                (shown(event, related, owner.as_deref())) (form) (ranked(ranking)) (raw(event))
            }
        }
        (None, Answer::Report(_)) => html! {
            h1.subject { span.tag.f-other { "event" } " " (text::line(&hash)) }
            p.note { "The API finds what is in an event only by one of its values. Open the event from the page of a value." }
            (ranked(&ranking))
        },
        (None, _) => {
            return Err(WebError::NotFound(
                "There is no such event, or you may not see it.".to_owned(),
            ));
        }
    };
    Ok(page(&person, "Event", &body).into_response())
}

/// Returns the name of an organisation, if the person belongs to it.
async fn owner(person: &SignedIn, orgid: &str) -> Result<Option<String>, WebError> {
    let client = &person.client;
    let (admin_of, user_of) = tokio::try_join!(client.orgs_admin_of(), client.orgs_user_of())?;
    let mut orgs = listed(&admin_of).chain(listed(&user_of));
    let org = orgs.find(|org| org.hash == orgid);
    Ok(org.map(|org| org.name))
}

fn shown(event: &Composite, related: &Related, owner: Option<&str>) -> Markup {
    html! {
        h1.subject { (text::line(&event.sub_type)) " " span.note { "event" } " " (value::category(&event.category)) }
        dl.facts {
            div { dt { "time" } dd { (time_or_dash(event.at)) } }
            div { dt { "organisation" } dd {
                @match owner {
                    Some(name) => { (text::line(name)) }
                    None => { code.hash { (text::line(&event.orgid)) } }
                }
            } }
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

fn ranked(answer: &Answer) -> Markup {
    match answer {
        Answer::Report(report) => rank(&report["data"]),
        Answer::Refused(reason) => html! { p.note { (text::line(reason)) } },
        Answer::NotReady => WebError::NotReady.part(),
    }
}

/// Shows the event as the API gives it.
fn raw(event: &Composite) -> Markup {
    let json = serde_json::to_string_pretty(&event.data).unwrap_or_default();
    html! {
        details { summary { "As JSON" } pre tabindex="0" { (text::block(&json)) } }
    }
}
