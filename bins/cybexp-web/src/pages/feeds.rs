//! Feeds: named selections of values that others read by URL, for admins of their organisations.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::post::{MyOrg, orgs};
use crate::app::App;
use crate::error::WebError;
use crate::form::PersonForm;
use crate::params::{Params, link};
use crate::sign_in::SignedIn;
use crate::view::frame::{csrf, page};
use crate::view::number::grouped;
use crate::view::time::{span, time_or_dash};
use crate::view::{text, value};

/// The types that a feed may have, as far as the form offers them.
const SUB_TYPES: [&str; 9] = [
    "ipv4",
    "ipv6",
    "hostname",
    "domain",
    "url",
    "sha256",
    "sha1",
    "md5",
    "email_addr",
];
/// The times for which a value stays after its last event, in seconds.
const KEEPS: [(&str, &str); 5] = [
    ("86400", "a day"),
    ("604800", "7 days"),
    ("2592000", "30 days"),
    ("7776000", "90 days"),
    ("31536000", "a year"),
];
const CONTEXTS: [(&str, &str); 4] = [
    ("malicious", "malicious"),
    ("benign", "benign"),
    ("unknown", "not judged"),
    ("all", "any"),
];
const CATEGORIES: [&str; 3] = ["malicious", "benign", "unknown"];
const TLPS: [&str; 5] = ["clear", "green", "amber", "amber+strict", "red"];

/// `GET /feeds`
pub(crate) async fn feeds(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Result<Response, WebError> {
    let (feeds, orgs) = tokio::join!(person.client.get("feeds"), orgs(&person));
    let (feeds, orgs) = (feeds?, orgs?);
    let feeds: Vec<&Value> = feeds.as_array().into_iter().flatten().collect();
    let body = html! {
        h1 { "Feeds" }
        @if let Some(done) = params.get("done") { div.notice.good role="status" { (text::line(done)) } }
        p.note { "A feed is a selection of values that is kept up to date. Firewalls, SIEMs and other MISPs read it by URL, with a token that can do nothing else." }
        @if orgs.is_empty() {
            div.notice { "Feeds belong to organisations, and their admins make them. You are an admin of none." }
        } @else {
            @if feeds.is_empty() { p { "There is no feed yet." } }
            @for feed in feeds { (shown(&person, feed, app.client.base().as_str())) }
            (form(&person, &orgs))
        }
    };
    Ok(page(&person, "Feeds", &body).into_response())
}

/// `POST /feeds`: adds a feed, and shows its token once.
pub(crate) async fn add(PersonForm(person, fields): PersonForm) -> Result<Response, WebError> {
    let texts = |name: &str| fields.get(name).unwrap_or_default().trim().to_owned();
    let number = |name: &str| texts(name).parse::<i64>().unwrap_or_default();
    let sub_types: Vec<&str> = fields.all("sub_type").collect();
    let orgs: Vec<&str> = fields.all("org").collect();
    let mut feed = json!({
        "name": texts("name"), "description": texts("description"), "orgs": orgs, "sub_types": sub_types,
        "context": texts("context"), "min_count": number("min_count"), "keep_s": number("keep_s"),
        "tlp": texts("tlp"), "comments": fields.get("comments").is_some(),
    });
    if let Some(category) = fields.choice("category", &CATEGORIES) {
        feed["category"] = json!(category);
    }
    let added = person.client.post("feeds", &feed).await?;
    Ok(told(&person, &texts("name"), &added))
}

/// `POST /feeds/change`: removes a feed, or gives it a new token.
pub(crate) async fn change(PersonForm(person, fields): PersonForm) -> Result<Response, WebError> {
    let name = fields.get("name").unwrap_or_default();
    let one = json!({"name": name});
    match fields.get("what") {
        Some("token") => {
            let given = person.client.post("feeds/token", &one).await?;
            Ok(told(&person, name, &given))
        }
        Some("remove") => {
            let removed = person.client.post("feeds/remove", &one).await?;
            let done = removed["message"].as_str().unwrap_or_default();
            Ok(Redirect::to(&link("/feeds", &[("done", done)])).into_response())
        }
        _ => Err(WebError::Wrong("The form names no change.".to_owned())),
    }
}

/// Shows a token, which nobody can be shown again.
fn told(person: &SignedIn, name: &str, answer: &Value) -> Response {
    let body = html! {
        h1 { "The token of the feed " (text::line(name)) }
        div.notice.good role="status" { (text::line(answer["message"].as_str().unwrap_or_default())) }
        pre tabindex="0" { (text::line(answer["token"].as_str().unwrap_or_default())) }
        p { "Keep it now: it is shown once. It is sent as a bearer token, as the password of basic authentication, or as " code { "?token=" } " in the URL." }
        p { a.step href="/feeds" { "To the feeds" } }
    };
    page(person, "Token of a feed", &body).into_response()
}

fn shown(person: &SignedIn, feed: &Value, base: &str) -> Markup {
    let texts = |field: &str| feed[field].as_str().unwrap_or_default();
    let name = texts("name");
    let list = |field: &str| feed[field].as_array().cloned().unwrap_or_default();
    let keep = feed["keep_s"].as_f64().unwrap_or_default();
    html! {
        section.card aria-labelledby=(format!("feed-{name}")) {
            h2 id=(format!("feed-{name}")) { (text::line(name)) }
            @if !texts("description").is_empty() { p.prose { (text::line(texts("description"))) } }
            @if let Some(reason) = feed["suspended"].as_str() { div.notice.bad.prose { "Not served: " (text::line(reason)) } }
            dl.facts {
                div { dt { "values" } dd { (grouped(feed["values"].as_u64().unwrap_or_default())) @if feed["whole"] == false { ", being searched for" } } }
                div { dt { "last change" } dd { (time_or_dash(feed["changed"].as_f64().filter(|at| *at > 0.0))) } }
                div { dt { "shared by" } dd { (text::line(texts("organisation"))) } }
                div { dt { "TLP" } dd { (text::line(texts("tlp"))) } }
                div { dt { "of events" } dd {
                    (text::line(texts("category"))) @if texts("category").is_empty() { "of any category" } ", in context " (text::line(texts("context")))
                    ", at least " (grouped(feed["min_count"].as_u64().unwrap_or_default()))
                } }
                div { dt { "kept for" } dd { (span(keep)) } }
                div { dt { "types" } dd { ul.inline { @for one in list("sub_types") { li { (value::sub_type(one.as_str().unwrap_or_default())) } } } } }
            }
            details { summary { "Its files" }
                ul.plain { @for file in list("files") {
                    li { code { (text::line(&format!("{}{}", base.trim_end_matches('/'), file.as_str().unwrap_or_default()))) } }
                } }
            }
            div.row {
                (button(person, name, "token", "New token"))
                (button(person, name, "remove", "Remove"))
            }
        }
    }
}

fn button(person: &SignedIn, name: &str, what: &str, said: &str) -> Markup {
    html! {
        form.inline action="/feeds/change" method="post" {
            (csrf(person))
            input type="hidden" name="name" value=(name);
            input type="hidden" name="what" value=(what);
            button.quiet type="submit" aria-label=(format!("{said}: {name}")) { (said) }
        }
    }
}

fn form(person: &SignedIn, orgs: &[MyOrg]) -> Markup {
    html! {
        details {
            summary { "Add a feed" }
            form.stack action="/feeds" method="post" aria-label="A new feed" {
                (csrf(person))
                div.row {
                    div { label for="name" { "Name" }
                        input #name name="name" required maxlength="24" pattern="[a-z][a-z0-9_\\-]*" autocomplete="off" spellcheck="false" placeholder="blocklist"; }
                    div.wide { label for="description" { "Description" }
                        input #description name="description" maxlength="200" autocomplete="off"; }
                    div { label for="org" { "Organisation" }
                        select #org name="org" required { @for org in orgs { option value=(org.hash) { (text::plain(&org.name, 60)) } } } }
                }
                fieldset { legend { "Types of its values" }
                    @for sub_type in SUB_TYPES {
                        label.check.side { input type="checkbox" name="sub_type" value=(sub_type) checked[sub_type == "ipv4"]; (sub_type) }
                    }
                }
                div.row {
                    div { label for="context" { "Context of the value" }
                        select #context name="context" { @for (name, said) in CONTEXTS { option value=(name) { (said) } } } }
                    div { label for="category" { "Category of the event" }
                        select #category name="category" { option value="" { "any" } @for name in CATEGORIES { option value=(name) { (name) } } } }
                    div { label for="min_count" { "Events at least" }
                        input #min_count name="min_count" type="number" min="1" max="10000" value="1" required; }
                    div { label for="keep_s" { "Kept after the last event for" }
                        select #keep_s name="keep_s" { @for (seconds, said) in KEEPS { option value=(seconds) selected[seconds == "2592000"] { (said) } } } }
                    div { label for="tlp" { "TLP" }
                        select #tlp name="tlp" { @for tlp in TLPS { option value=(tlp) selected[tlp == "green"] { (tlp) } } } }
                }
                label.check { input type="checkbox" name="comments" value="yes"; "Formats with comments tell the reason and the date of each value" }
                button.main type="submit" { "Add the feed" }
            }
        }
    }
}
