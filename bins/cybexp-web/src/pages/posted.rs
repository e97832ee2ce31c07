//! Sending what was looked at, and what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use cybexp_client::Client;
use futures::{StreamExt, stream};
use maud::{Markup, html};
use serde_json::Value;
use tahoe_core::time::parse_tzname;

use super::post::{Choice, orgs, previews, shown};
use crate::app::App;
use crate::error::WebError;
use crate::form::PersonForm;
use crate::guess;
use crate::params::{Params, link};
use crate::posting::{Outgoing, Progress, RECORDS};
use crate::sign_in::SignedIn;
use crate::subject::Subject;
use crate::view::frame::moving_page;
use crate::view::number::{counted, grouped};
use crate::view::{text, value};

/// The records that are listed with their state, and the values to find.
const FOLLOWED: usize = 20;
/// The time for which the page loads itself again while something moves.
const MOVES_FOR: Duration = Duration::from_secs(10 * 60);

/// `POST /post/send`
pub(crate) async fn send(
    State(app): State<Arc<App>>,
    PersonForm(person, fields): PersonForm,
) -> Result<Response, WebError> {
    let id = fields.get("id").unwrap_or_default();
    let files = app.tray.look(&person.email, id).ok_or_else(|| {
        WebError::NotFound("These files are forgotten. Upload them again.".to_owned())
    })?;
    let choices = files.iter().enumerate().map(|(n, file)| Choice {
        file: file.clone(),
        typetag: fields
            .get(&format!("typetag{n}"))
            .unwrap_or_default()
            .to_owned(),
        by_lines: fields.get(&format!("lines{n}")).is_some(),
    });
    let choices: Vec<Choice> = choices.collect();
    let timezone = fields.get("timezone").unwrap_or("UTC").trim();
    parse_tzname(timezone).map_err(|_| {
        WebError::Wrong(format!(
            "{timezone} is no time zone of the IANA database, such as UTC or Europe/Berlin."
        ))
    })?;
    let org = fields.get("org").unwrap_or_default();
    let undecided = choices.iter().any(|choice| choice.typetag.is_empty());
    if fields.get("do") != Some("send") || undecided {
        return shown(&person, id, choices, timezone, org).await;
    }
    let records: usize = choices
        .iter()
        .map(|one| guess::records(&one.file.bytes, one.by_lines).count())
        .sum();
    if records > RECORDS {
        return Err(WebError::Wrong(format!(
            "These are {records} records; at most {RECORDS} are posted here at once."
        )));
    }
    if !orgs(&person).await?.iter().any(|one| one.hash == org) {
        return Err(WebError::Wrong(
            "You are no admin of this organisation, so you cannot post for it.".to_owned(),
        ));
    }
    let previews = previews(&choices, timezone).await?;
    let mut finds: Vec<Subject> = previews.into_iter().flat_map(|one| one.finds).collect();
    finds.truncate(FOLLOWED);
    let outgoing = choices.into_iter().map(|choice| Outgoing {
        file: choice.file,
        typetag: choice.typetag,
        by_lines: choice.by_lines,
    });
    let posting = app.postings.begin(
        &person.email,
        person.client.clone(),
        outgoing.collect(),
        (org.to_owned(), timezone.to_owned()),
        finds,
    );
    app.tray.remove(id);
    Ok(Redirect::to(&link("/posted", &[("id", &posting)])).into_response())
}

/// `GET /posted`
pub(crate) async fn posted(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Result<Response, WebError> {
    let posting = app
        .postings
        .get(&person.email, params.get("id").unwrap_or_default())
        .ok_or_else(|| {
            WebError::NotFound(
                "This posting is forgotten: they are remembered for two hours, until a restart."
                    .to_owned(),
            )
        })?;
    let progress = posting.progress();
    let states = states(&person.client, &progress).await;
    let waits = states.iter().any(|state| state.status == "waiting");
    let moves = (!progress.done || waits) && posting.age() < MOVES_FOR;
    let body = html! {
        h1 { @if progress.done { "Posted" } @else { "Posting…" } }
        (summary(&progress))
        (followed(&progress, &states))
        @if !posting.finds.is_empty() && progress.taken > 0 {
            section aria-labelledby="finds" {
                h2 #finds { "Find it again" }
                p.note { "A few of the values in it. It takes a moment until events are made of what was archived." }
                ul.plain { @for one in &posting.finds { li { (found(one)) } } }
            }
        }
        p { a href="/post" { "Post more" } }
    };
    Ok(moving_page(&person, "Posted", &body, moves.then_some(2)).into_response())
}

/// The state of a submission in the API.
struct SubmissionState {
    status: String,
    error: Option<String>,
    /// The records that are set aside: their numbers in the submission, from 1, and the reasons.
    bad: BTreeMap<u64, String>,
}

async fn states(client: &Client, progress: &Progress) -> Vec<SubmissionState> {
    let asked = progress.traced.iter().map(|sent| async {
        match client.submission(&sent.id).await {
            Ok(state) => SubmissionState {
                status: state["status"].as_str().unwrap_or_default().to_owned(),
                error: state["error"].as_str().map(str::to_owned),
                bad: bad(&state["bad"]),
            },
            Err(error) => SubmissionState {
                status: "not known".to_owned(),
                error: Some(error.brief()),
                bad: BTreeMap::new(),
            },
        }
    });
    stream::iter(asked.collect::<Vec<_>>())
        .buffered(8)
        .collect()
        .await
}

fn bad(records: &Value) -> BTreeMap<u64, String> {
    let records = records.as_array().into_iter().flatten();
    let read = |one: &Value| Some((one["n"].as_u64()?, one["reason"].as_str()?.to_owned()));
    records.filter_map(read).collect()
}

/// A record with its state.
struct Row {
    place: String,
    status: String,
    error: Option<String>,
}

/// Returns the first records, and the first of those that are set aside, with their states.
fn rows(progress: &Progress, states: &[SubmissionState]) -> (Vec<Row>, Vec<Row>) {
    let (mut first, mut aside) = (Vec::new(), Vec::new());
    for (sent, state) in progress.traced.iter().zip(states) {
        let row = |n: usize| {
            let reason = state.bad.get(&(n as u64 + 1));
            Row {
                place: sent.place(n),
                status: match reason {
                    Some(_) => "quarantined".to_owned(),
                    None => state.status.clone(),
                },
                error: reason.cloned().or(state.error.clone()),
            }
        };
        let some = sent.records().min(FOLLOWED - first.len());
        first.extend((0..some).map(row));
        let others = state
            .bad
            .keys()
            .filter_map(|n| usize::try_from(*n - 1).ok());
        let others = others.filter(|n| *n >= some && *n < sent.records());
        let room = FOLLOWED - aside.len();
        aside.extend(others.take(room).map(row));
    }
    (first, aside)
}

fn summary(progress: &Progress) -> Markup {
    html! {
        dl.facts {
            div { dt { "records" } dd { (grouped(progress.all as u64)) } }
            div { dt { "taken by the API" } dd { (grouped(progress.taken as u64)) } }
            div { dt { "refused" } dd { (grouped(progress.refused as u64)) } }
        }
        progress max=(progress.all) value=(progress.taken + progress.refused) aria-label="Records that were sent" {}
        @if let Some(reason) = &progress.broken {
            div.notice.bad role="alert" {
                "It broke off at " (text::line(reason)) ". To post the same again later does no harm."
            }
        }
        @if !progress.reasons.is_empty() {
            h2 { "Refused" }
            ul.plain { @for (place, reason) in &progress.reasons { li { (text::line(place)) ": " (text::line(reason)) } } }
        }
    }
}

fn followed(progress: &Progress, states: &[SubmissionState]) -> Markup {
    let (first, aside) = rows(progress, states);
    let left_out = progress.taken.saturating_sub(first.len() + aside.len());
    let archived = states
        .iter()
        .filter(|state| state.status == "archived")
        .count();
    html! {
        @if !first.is_empty() {
            h2 { "What became of it" }
            table {
                thead { tr { th { "record" } th { "state" } } }
                tbody { @for row in first.iter().chain(&aside) { (followed_row(row)) } }
            }
            @if left_out > 0 {
                p.note {
                    (counted(left_out as u64, "more record", "more records")) " not listed. The archive has opened "
                    (grouped(archived as u64)) " of " (counted(states.len() as u64, "submission", "submissions")) "; "
                    a href="/quarantine" { "the quarantine" } " lists all that is set aside."
                }
            }
        }
    }
}

fn followed_row(row: &Row) -> Markup {
    html! {
        tr {
            td { (text::line(&row.place)) }
            td {
                span.state.(state_class(&row.status)) { (told(&row.status)) }
                @if let Some(error) = &row.error { " " (text::line(error)) }
            }
        }
    }
}

fn told(status: &str) -> &str {
    match status {
        "waiting" => "sealed, waits for the archive",
        "archived" => "in the archive",
        "quarantined" => "set aside",
        other => other,
    }
}

fn state_class(status: &str) -> &'static str {
    match status {
        "archived" => "c-benign",
        "quarantined" => "c-malicious",
        _ => "c-unknown",
    }
}

fn found(subject: &Subject) -> Markup {
    match subject {
        Subject::Value { sub_type, data } => html! {
            (value::sub_type(sub_type)) " " (value::linked(subject, data))
        },
        Subject::Hash(hash) => value::linked(subject, hash),
    }
}
