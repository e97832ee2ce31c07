//! The state of collection: which sources submitted lately, when last, and how much.

use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::post::{MyOrg, name_of, orgs};
use crate::clock::unix_now;
use crate::error::WebError;
use crate::params::link;
use crate::sign_in::SignedIn;
use crate::view::frame::page;
use crate::view::number::grouped;
use crate::view::text;
use crate::view::time::{ago, time, time_or_dash};

/// `GET /inputs`
pub(crate) async fn inputs(person: SignedIn) -> Result<Response, WebError> {
    let (report, orgs) = tokio::join!(person.client.get("inputs"), orgs(&person));
    let (report, orgs) = (report?, orgs?);
    let sources: Vec<&Value> = report["sources"].as_array().into_iter().flatten().collect();
    let body = html! {
        h1 { "Inputs" }
        @if orgs.is_empty() {
            div.notice { "The state of collection is shown to admins of organisations. You are an admin of none." }
        } @else if sources.is_empty() {
            p { "Nothing was submitted lately for your organisations. " a href="/post" { "Post data" } ", or set up an input." }
        } @else {
            p.note { (told(&report)) }
            (table(&sources, &orgs))
        }
    };
    Ok(page(&person, "Inputs", &body).into_response())
}

fn told(report: &Value) -> Markup {
    html! {
        "Sources of the submissions that the API still has"
        @if report["all"] == false { ", the newest 2,000 of them" }
        @if let Some(since) = report["since"].as_f64() { ", since " (time(since)) }
        ". A source that is silent for longer is not listed: what it sent is in the archive."
    }
}

fn table(sources: &[&Value], orgs: &[MyOrg]) -> Markup {
    let now = unix_now() as f64;
    html! {
        div.scroll tabindex="0" role="region" aria-label="Sources" {
            table.records {
                thead { tr {
                    th { "source" } th { "typetag" } th { "organisation" } th colspan="2" { "last submission" }
                    th.n { "submissions" } th.n { "records" } th.n { "waiting" } th.n { "set aside" }
                } }
                tbody { @for source in sources {
                    @let texts = |field: &str| source[field].as_str().unwrap_or_default();
                    @let number = |field: &str| source[field].as_u64().unwrap_or_default();
                    @let last = source["last"].as_f64();
                    tr {
                        td.wide { (text::line(texts("name"))) }
                        td.wide { code { (text::line(texts("typetag"))) } }
                        td.prose { (text::line(name_of(orgs, texts("orgid")))) }
                        td { (time_or_dash(last)) }
                        td { (ago(now - last.unwrap_or(now))) }
                        td.n { (grouped(number("submissions"))) }
                        td.n { (grouped(number("records"))) }
                        td.n { (grouped(number("waiting"))) }
                        td.n {
                            @match number("bad") {
                                0 => { "0" }
                                bad => { a.c-malicious href=(link("/quarantine", &[])) { (grouped(bad)) } }
                            }
                        }
                    }
                } }
            }
        }
    }
}
