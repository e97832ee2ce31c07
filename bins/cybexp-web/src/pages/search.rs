//! The search: one value, which leads to its page, or many at once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use tahoe_core::Hash;

use crate::app::App;
use crate::ask::{Answer, ask, question};
use crate::error::WebError;
use crate::form::PersonForm;
use crate::params::{Params, link};
use crate::sign_in::SignedIn;
use crate::subject::Subject;
use crate::view::frame::{csrf, page};
use crate::view::number::{counted, grouped};
use crate::view::time::time_or_dash;
use crate::view::{text, value};

/// The most values that are asked for at once.
const MOST: usize = 300;

/// `GET /`: the search box.
pub(crate) async fn home(person: SignedIn) -> Response {
    page(&person, "Search", &form(&person, "")).into_response()
}

/// `GET /search`: a value from the bar.
pub(crate) async fn one(person: SignedIn, params: Params) -> Response {
    match params.get("q").map(str::trim).filter(|q| !q.is_empty()) {
        Some(text) => Redirect::to(&place(text)).into_response(),
        None => home(person).await,
    }
}

/// `POST /search`: one value or many, a line each.
pub(crate) async fn many(
    State(app): State<Arc<App>>,
    PersonForm(person, fields): PersonForm,
) -> Result<Response, WebError> {
    let typed = fields.get("q").unwrap_or_default();
    let mut lines: Vec<&str> = typed.lines().map(str::trim).collect();
    lines.retain(|line| !line.is_empty() && !line.starts_with('#'));
    if let [] | [_] = &lines[..] {
        let text = lines.first().copied().unwrap_or_default();
        let to = if text.is_empty() {
            "/".to_owned()
        } else {
            place(text)
        };
        return Ok(Redirect::to(&to).into_response());
    }
    let left_out = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    let subjects: Vec<Subject> = lines.iter().map(|line| Subject::guess(line)).collect();
    let questions = subjects.iter().flat_map(|subject| {
        let all = subject.fields();
        let mut malicious = subject.fields();
        malicious.insert("category".to_owned(), "malicious".into());
        [question("count", all), question("count", malicious)]
    });
    let answers = ask(&person.client, questions.collect(), app.wait).await?;
    let rows: Vec<(&Subject, &[Answer])> = subjects.iter().zip(answers.chunks(2)).collect();
    let body = html! {
        h1 { (counted(rows.len() as u64, "value", "values")) }
        @if left_out > 0 {
            div.notice { "Only the first " (grouped(MOST as u64)) " lines were asked for; " (grouped(left_out as u64)) " were left out." }
        }
        (table(&rows))
        h2 { "Search again" }
        (form(&person, typed))
    };
    Ok(page(&person, "Search", &body).into_response())
}

/// Returns the page that a text leads to. Text of 64 hexadecimal digits may be a file's hash or an event's.
fn place(text: &str) -> String {
    if let Some(many) = super::list::place(text) {
        return many;
    }
    let guessed = Subject::guess(text);
    let hash: Result<Hash, _> = text.to_ascii_lowercase().parse();
    match hash {
        Ok(_) => guessed.path_with("/value", &[("searched", "hash")]),
        Err(_) => guessed.path_with("/value", &[("searched", "text")]),
    }
}

fn form(person: &SignedIn, typed: &str) -> Markup {
    html! {
        section.hero {
            form action="/search" method="post" role="search" aria-label="Many at once" {
                (csrf(person))
                h1 { label for="values" { "What do you know about…" } }
                textarea #values name="q" rows=(typed.lines().count().clamp(1, 12)) maxlength="262144" autofocus spellcheck="false"
                    autocapitalize="off" data-enter="submit" placeholder="203.0.113.9" { (typed) }
                button.main type="submit" { "Search" }
            }
            p.note {
                "An address, network, host, URL, hash, mail address, CVE or command, as you found it: "
                code { "hxxp://evil[.]example" } " is understood. Several lines ask for many at once."
            }
            p.note { code { "203.0.113.0/24" } " lists the addresses of a network, and " code { "*.evil.example" } " the hosts below a domain." }
            p.note.keys { kbd { "/" } " searches from any page, " kbd { "Shift" } " " kbd { "Enter" } " begins a new line." }
        }
    }
}

fn table(rows: &[(&Subject, &[Answer])]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Values that were searched" {
            table.records {
                thead { tr { th { "value" } th { "taken for" } th.n { "events" } th.n { "malicious" } th { "first seen" } th { "last seen" } } }
                tbody {
                    @for (subject, answers) in rows { (row(subject, answers)) }
                }
            }
        }
    }
}

fn row(subject: &Subject, answers: &[Answer]) -> Markup {
    let sub_type = match subject {
        Subject::Value { sub_type, .. } => sub_type,
        Subject::Hash(_) => "hash",
    };
    html! {
        tr {
            td { (value::linked(subject, subject.text())) }
            td { (value::sub_type(sub_type)) }
            @match answers {
                [Answer::Report(all), malicious] => {
                    td.n { (grouped(all["data"].as_u64().unwrap_or_default())) }
                    td.n {
                        @match malicious {
                            Answer::Report(report) => { (grouped(report["data"].as_u64().unwrap_or_default())) }
                            _ => { "–" }
                        }
                    }
                    td { (time_or_dash(all["first_seen"].as_f64())) }
                    td { (time_or_dash(all["last_seen"].as_f64())) }
                }
                [Answer::Refused(reason), ..] => { td colspan="4" { (text::line(reason)) } }
                _ => {
                    td colspan="4" { "not answered in time: " a href=(link("/search", &[("q", subject.text())])) { "ask alone" } }
                }
            }
        }
    }
}
