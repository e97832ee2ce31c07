//! The quarantine: submissions that could not be opened or read, and raws that filters refused, to be looked at and tried
//! again.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value, json};
use tahoe_core::Hash;

use super::post::{MyOrg, name_of, orgs};
use crate::app::App;
use crate::ask::{ask_one, question};
use crate::error::WebError;
use crate::form::PersonForm;
use crate::params::{Params, link};
use crate::sign_in::SignedIn;
use crate::view::frame::{csrf, page};
use crate::view::number::counted;
use crate::view::text;
use crate::view::time::time_or_dash;

/// The records of a page, of each kind.
const LISTED: u32 = 100;
/// The most characters of a raw that are shown.
const SHOWN_CHARS: usize = 20_000;

/// A list of records, and how a page goes on behind it.
struct Listed<'a> {
    /// The name of the fields that hold a record's id and what refused it.
    id: &'static str,
    by: &'static str,
    records: &'a [Value],
    /// The path of the next page, if there is one.
    next: Option<String>,
}

/// `GET /quarantine`
pub(crate) async fn quarantine(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Result<Response, WebError> {
    let orgs = orgs(&person).await?;
    if orgs.is_empty() {
        let body = html! {
            h1 { "Quarantine" }
            div.notice { "What is set aside is shown to admins of its organisation. You are an admin of none." }
        };
        return Ok(page(&person, "Quarantine", &body).into_response());
    }
    let (unopened, refused) = (params.get("unopened"), params.get("refused"));
    let after = [
        ("limit", LISTED.to_string()),
        ("after", unopened.unwrap_or_default().to_owned()),
    ];
    let after: Vec<(&str, &str)> = after
        .iter()
        .map(|(name, it)| (*name, it.as_str()))
        .collect();
    let mut fields = Map::from_iter([("limit".to_owned(), json!(LISTED))]);
    if let Some(refused) = refused {
        fields.insert("after".to_owned(), json!(refused));
    }
    let path = link("quarantine", &after);
    let entries = async { person.client.get(&path).await.map_err(WebError::from) };
    let raws = ask_one(&person.client, question("quarantine", fields), app.wait);
    let (entries, raws) = tokio::join!(entries, raws);
    let (entries, raws) = (entries?, raws?);
    let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let next = |value: &Value, name: &str| {
        let place = value["after"].as_str()?;
        Some(link("/quarantine", &[(name, place)]))
    };
    let (opened, read) = (rows(&entries["records"]), rows(&raws["data"]));
    let body = html! {
        h1 { "Quarantine" }
        @if let Some(done) = params.get("done") { div.notice.good role="status" { (text::line(done)) } }
        @if opened.is_empty() && read.is_empty() {
            p { "Nothing is set aside" @if unopened.or(refused).is_some() { " beyond this place" } "." }
        }
        (list(&person, &orgs, "Could not be opened or read", &Listed {
            id: "id", by: "", records: &opened, next: next(&entries, "unopened"),
        }))
        (list(&person, &orgs, "Refused by a filter", &Listed {
            id: "_hash", by: "filter", records: &read, next: next(&raws, "refused"),
        }))
    };
    Ok(page(&person, "Quarantine", &body).into_response())
}

/// Shows the records of each organisation with a form that has them tried again.
fn list(person: &SignedIn, orgs: &[MyOrg], heading: &str, listed: &Listed<'_>) -> Markup {
    let of = |hash: &str| -> Vec<&Value> {
        let records = listed.records.iter();
        records.filter(|one| one["orgid"] == *hash).collect()
    };
    let others = listed
        .records
        .iter()
        .any(|one| !orgs.iter().any(|org| one["orgid"] == *org.hash));
    let anchor = if listed.by.is_empty() {
        "unopened"
    } else {
        "refused"
    };
    html! {
        @for (org, records) in orgs.iter().map(|org| (org, of(&org.hash))).filter(|(_, records)| !records.is_empty()) {
            @let id = format!("{anchor}-{}", &org.hash[..8.min(org.hash.len())]);
            section aria-labelledby=(id) {
                h2.prose id=(id) { (heading) ", " (text::line(&org.name)) }
                form action="/quarantine" method="post" {
                    (csrf(person))
                    input type="hidden" name="org" value=(org.hash);
                    (table(&records, listed, &id))
                    div.row {
                        button type="submit" name="which" value="some" { "Try the chosen ones again" }
                        button type="submit" name="which" value="all" { "Try all " (counted(records.len() as u64, "of this page", "of this page")) " again" }
                    }
                }
            }
        }
        @if others { p.note { "Others are of organisations of which you are no admin." } }
        @if let Some(next) = &listed.next { nav.paging aria-label=(heading) { a.step rel="next" href=(next) { "older →" } } }
    }
}

fn table(records: &[&Value], listed: &Listed<'_>, group: &str) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-labelledby=(group) {
            table.records {
                thead { tr {
                    th { span.hidden { "choose" } } th { "reason" } th { "typetag" }
                    @if listed.by.is_empty() { th { "submission" } } @else { th { "filter" } }
                    th { "submitted" } th { "id" }
                } }
                tbody { @for record in records {
                    @let texts = |field: &str| record[field].as_str().unwrap_or_default();
                    @let id = texts(listed.id);
                    tr {
                        td {
                            input type="checkbox" name="id" value=(id) aria-label=(format!("choose {}", text::plain(id, 40)));
                            input type="hidden" name="every" value=(id);
                        }
                        td.prose { (text::line(texts("reason"))) }
                        td { code { (text::line(texts("typetag"))) } }
                        td.name { @if listed.by.is_empty() { (text::line(texts("name"))) } @else { (text::line(texts(listed.by))) } }
                        td { (time_or_dash(record["timestamp"].as_f64())) }
                        td.id {
                            @if listed.by.is_empty() { code.hash { (text::line(id)) } }
                            @else { a href=(link("/quarantine/raw", &[("hash", id)])) { code.hash { (text::plain(id.get(..16).unwrap_or(id), 16)) } } }
                        }
                    }
                } }
            }
        }
    }
}

/// `POST /quarantine`: has records tried again.
pub(crate) async fn retry(PersonForm(person, fields): PersonForm) -> Result<Response, WebError> {
    let wrong = || WebError::Wrong("The form names no organisation.".to_owned());
    let org: Hash = fields
        .get("org")
        .and_then(|org| org.parse().ok())
        .ok_or_else(wrong)?;
    let name = if fields.get("which") == Some("all") {
        "every"
    } else {
        "id"
    };
    let ids: Vec<&str> = fields.all(name).collect();
    if ids.is_empty() {
        return Err(WebError::Wrong("No record is chosen.".to_owned()));
    }
    let body = json!({"orgid": org.to_string(), "ids": ids});
    let taken = person.client.post("quarantine/retry", &body).await?;
    let done = taken["message"].as_str().unwrap_or_default();
    Ok(Redirect::to(&link("/quarantine", &[("done", done)])).into_response())
}

/// `GET /quarantine/raw`: shows a raw that a filter refused.
pub(crate) async fn raw(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Result<Response, WebError> {
    let wrong = || WebError::Wrong("The address of the page names no raw.".to_owned());
    let hash: Hash = params
        .get("hash")
        .and_then(|hash| hash.parse().ok())
        .ok_or_else(wrong)?;
    let hash = hash.to_string();
    let fields = Map::from_iter([("_hash".to_owned(), json!(hash))]);
    let report = ask_one(&person.client, question("quarantine", fields), app.wait).await?;
    let raws: Vec<&Value> = report["data"].as_array().into_iter().flatten().collect();
    if raws.is_empty() {
        let told = "Nothing of that is in quarantine, or you may not see it.";
        return Err(WebError::NotFound(told.to_owned()));
    }
    let orgs = orgs(&person).await?;
    let body = html! {
        h1.subject { span.tag.f-other { "raw" } " " (text::line(&hash)) }
        @for raw in raws { (shown(&person, raw, &hash, &orgs)) }
        p { a.step href="/quarantine" { "To the quarantine" } }
    };
    Ok(page(&person, "A raw in quarantine", &body).into_response())
}

fn shown(person: &SignedIn, raw: &Value, hash: &str, orgs: &[MyOrg]) -> Markup {
    let texts = |field: &str| raw[field].as_str().unwrap_or_default();
    let refusals: Vec<&Value> = raw["_error"].as_array().into_iter().flatten().collect();
    let data = match &raw["data"] {
        Value::String(text) => text.clone(),
        data => serde_json::to_string_pretty(data).unwrap_or_default(),
    };
    html! {
        dl.facts {
            div { dt { "typetag" } dd { (text::line(texts("sub_type"))) } }
            div { dt { "organisation" } dd { (text::line(name_of(orgs, texts("orgid")))) } }
            div { dt { "submitted" } dd { (time_or_dash(raw["timestamp"].as_f64())) } }
        }
        h2 { "Why" }
        ul.plain { @for refusal in refusals {
            li {
                code { (text::line(refusal["filter"].as_str().unwrap_or_default())) } ": "
                span.prose { (text::line(refusal["reason"].as_str().unwrap_or_default())) } ", " (time_or_dash(refusal["at"].as_f64()))
            }
        } }
        h2 { "What was submitted" }
        @if raw["cut"] == true { p.note { "It is longer than is shown here." } }
        @else { pre tabindex="0" { (text::long(&data, SHOWN_CHARS)) } }
        @if orgs.iter().any(|org| org.hash == texts("orgid")) {
            form action="/quarantine" method="post" {
                (csrf(person))
                input type="hidden" name="org" value=(texts("orgid"));
                input type="hidden" name="id" value=(hash);
                button type="submit" { "Try it again" }
            }
        }
    }
}
