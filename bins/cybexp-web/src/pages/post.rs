//! Posting by hand: files or pasted text, and what would be made of them, shown before anything is sent.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use cybexp_client::ClientError;
use cybexp_filters::known_typetags;
use maud::{Markup, html};
use serde_json::Value;

use super::account::part;
use crate::app::App;
use crate::csrf::CSRF;
use crate::error::WebError;
use crate::form;
use crate::guess::{self, Preview};
use crate::posting::{RECORDS, Upload};
use crate::sign_in::SignedIn;
use crate::view::frame::{csrf, page};
use crate::view::number::{bytes, counted, grouped};
use crate::view::{text, value};

/// The most files of one posting.
const FILES: usize = 50;

/// An organisation of the person.
pub(super) struct MyOrg {
    pub(super) hash: String,
    pub(super) name: String,
}

/// A file with the way in which it is to be sent.
pub(super) struct Choice {
    pub(super) file: Upload,
    pub(super) typetag: String,
    pub(super) by_lines: bool,
}

/// `GET /post`: the form.
pub(crate) async fn form(
    State(app): State<Arc<App>>,
    person: SignedIn,
) -> Result<Response, WebError> {
    let orgs = orgs(&person).await?;
    let body = html! {
        h1 { "Post data" }
        @if orgs.is_empty() {
            div.notice {
                "Data belongs to an organisation, and its admins post it. You are an admin of none; "
                a href="/account" { "your account" } " lists where you belong."
            }
        } @else { (upload(&person, app.max_upload_bytes)) }
    };
    Ok(page(&person, "Post data", &body).into_response())
}

/// `POST /post`: takes the files, and shows what would be made of them.
pub(crate) async fn check(
    State(app): State<Arc<App>>,
    person: SignedIn,
    request: Request,
) -> Result<Response, WebError> {
    let files = receive(&app, &person, request).await?;
    if files.is_empty() {
        return Err(WebError::Wrong(
            "There is nothing to post: the files and the text are empty.".to_owned(),
        ));
    }
    let choices = files.iter().map(|file| {
        let typetag = guess::typetag(&file.name, &file.bytes).unwrap_or_default();
        Choice {
            by_lines: guess::is_lines(&file.bytes, typetag),
            typetag: typetag.to_owned(),
            file: file.clone(),
        }
    });
    let choices: Vec<Choice> = choices.collect();
    let id = app.tray.keep(&person.email, files);
    shown(&person, &id, choices, "UTC", "").await
}

/// Shows the files and what would be made of them, to be changed or sent.
pub(super) async fn shown(
    person: &SignedIn,
    id: &str,
    choices: Vec<Choice>,
    timezone: &str,
    orgid: &str,
) -> Result<Response, WebError> {
    let orgs = orgs(person).await?;
    let previews = previews(&choices, timezone).await?;
    let records: usize = choices
        .iter()
        .map(|one| guess::records(&one.file.bytes, one.by_lines).count())
        .sum();
    let body = html! {
        h1 { "Before it is sent" }
        form.check action="/post/send" method="post" {
            (csrf(person))
            input type="hidden" name="id" value=(id);
            @for (n, (choice, preview)) in choices.iter().zip(&previews).enumerate() { (file(n, choice, preview)) }
            div.row {
                div {
                    label for="org" { "Organisation" }
                    select #org name="org" required {
                        @for org in &orgs { option value=(org.hash) selected[org.hash == orgid] { (text::plain(&org.name, 80)) } }
                    }
                }
                div {
                    label for="timezone" { "Zone of times that name none" }
                    input #timezone name="timezone" value=(timezone) required maxlength="60" spellcheck="false";
                }
            }
            @if records > RECORDS {
                div.notice.bad { "These are " (grouped(records as u64)) " records; at most " (grouped(RECORDS as u64)) " are posted here at once. " code { "cybexp post" } " takes any number." }
            }
            div.row {
                button type="submit" name="do" value="look" { "Look again" }
                button.main type="submit" name="do" value="send" disabled[records > RECORDS || orgs.is_empty()] {
                    "Send " (counted(records as u64, "record", "records"))
                }
            }
        }
        p.note { "Nothing has left this page yet. It is forgotten after half an hour." }
    };
    Ok(page(person, "Before it is sent", &body).into_response())
}

/// Returns the organisations that the person may post for.
pub(super) async fn orgs(person: &SignedIn) -> Result<Vec<MyOrg>, ClientError> {
    let orgs = person.client.orgs_admin_of().await?;
    Ok(listed(&orgs).collect())
}

/// Reads a list of the API's of organisations.
pub(super) fn listed(orgs: &Value) -> impl Iterator<Item = MyOrg> {
    let documents = orgs.as_array().into_iter().flatten();
    documents.filter_map(|document| {
        let hash = document["_hash"].as_str()?.to_owned();
        let name = part(document, "orgname").to_owned();
        Some(MyOrg { hash, name })
    })
}

/// Returns the name of the organisation with this hash, or the beginning of the hash.
pub(super) fn name_of<'a>(orgs: &'a [MyOrg], hash: &'a str) -> &'a str {
    let known = orgs.iter().find(|org| org.hash == hash);
    known.map_or_else(|| hash.get(..12).unwrap_or(hash), |org| &org.name)
}

/// Tries the filters on the files, away from the threads that serve connections.
pub(super) async fn previews(choices: &[Choice], timezone: &str) -> Result<Vec<Preview>, WebError> {
    let mut previews = Vec::with_capacity(choices.len());
    for choice in choices {
        let (bytes, typetag) = (choice.file.bytes.clone(), choice.typetag.clone());
        let (by_lines, timezone) = (choice.by_lines, timezone.to_owned());
        let tried = tokio::task::spawn_blocking(move || {
            guess::preview(&bytes, &typetag, by_lines, &timezone)
        });
        previews.push(
            tried
                .await
                .map_err(|error| WebError::Internal(error.into()))?,
        );
    }
    Ok(previews)
}

fn upload(person: &SignedIn, most: u64) -> Markup {
    html! {
        form.upload action="/post" method="post" enctype="multipart/form-data" {
            // the first field: without it, nothing else is read
            (csrf(person))
            label.drop for="files" data-drop {
                span { "Files: choose them, or drop them here" }
                input #files type="file" name="file" multiple;
                span.note data-files {}
            }
            label for="text" { "Or paste text" }
            textarea #text name="text" rows="8" spellcheck="false" placeholder="a mail with its header, a log, a MISP event, URLs, a sighting as JSON" {}
            button.main type="submit" { "Look at it" }
            p.note {
                "Up to " (bytes(most)) " and " (FILES) " files at once. The next page shows what each was taken for and what would be made of it; only then is it sent."
            }
        }
    }
}

fn file(n: usize, choice: &Choice, preview: &Preview) -> Markup {
    let known = known_typetags();
    let lines = guess::records(&choice.file.bytes, true).take(2).count();
    html! {
        fieldset {
            legend { (text::line(&choice.file.name)) " " span.note { (bytes(choice.file.bytes.len() as u64)) } }
            div.row {
                div {
                    label for=(format!("typetag{n}")) { "Kind of data" }
                    select id=(format!("typetag{n}")) name=(format!("typetag{n}")) required {
                        option value="" selected[choice.typetag.is_empty()] { "choose…" }
                        @for name in &known { option value=(name) selected[*name == choice.typetag] { (name) } }
                    }
                }
                @if lines > 1 {
                    label.check {
                        input type="checkbox" name=(format!("lines{n}")) value="yes" checked[choice.by_lines];
                        "Each line is a record of its own"
                    }
                }
            }
            (made(choice, preview))
            details { summary { "Its beginning" }
                pre tabindex="0" { (text::block(&String::from_utf8_lossy(&choice.file.bytes[..choice.file.bytes.len().min(8000)]))) }
            }
        }
    }
}

/// Says what would be made of a file.
fn made(choice: &Choice, preview: &Preview) -> Markup {
    html! {
        @if choice.typetag.is_empty() {
            div.notice { "What this is could not be told. Choose the kind of data, and look again." }
        } @else if preview.unread {
            div.notice { "No filter reads " code { (text::line(&choice.typetag)) } ": it would be kept, but nothing made of it." }
        } @else {
            p {
                @if preview.partly { "Of the first " (counted(preview.records, "record", "records")) ": " }
                @if preview.events.is_empty() { "no event" }
                @for (n, (sub_type, events)) in preview.events.iter().enumerate() {
                    @if n > 0 { ", " }
                    strong { (grouped(*events)) } " " (text::line(sub_type))
                }
                @if preview.sessions > 0 { ", of " (counted(preview.sessions, "session record", "session records")) }
                "."
            }
            @if let Some((records, reason)) = &preview.refused {
                div.notice.bad { (counted(*records, "record", "records")) " would be refused: " (text::line(reason)) }
            }
            @if !preview.finds.is_empty() {
                ul.inline { @for one in &preview.finds { li { (found(one)) } } }
            }
        }
    }
}

fn found(subject: &crate::subject::Subject) -> Markup {
    match subject {
        crate::subject::Subject::Value { sub_type, data } => html! {
            (value::sub_type(sub_type)) " " (text::short(data, 60))
        },
        crate::subject::Subject::Hash(hash) => html! { (text::line(hash)) },
    }
}

/// Reads the upload. The session's token comes first; without it nothing else is read.
async fn receive(app: &App, person: &SignedIn, request: Request) -> Result<Vec<Upload>, WebError> {
    let wrong = |error: &dyn std::fmt::Display| WebError::Wrong(error.to_string());
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|error| wrong(&error.body_text()))?;
    let mut left = app.max_upload_bytes;
    let mut files = Vec::new();
    let mut checked = false;
    while let Some(mut part) = parts
        .next_field()
        .await
        .map_err(|error| wrong(&error.body_text()))?
    {
        let field = part.name().unwrap_or_default().to_owned();
        let name = part.file_name().map(str::to_owned);
        let bytes = take(&mut part, &mut left, app.max_upload_bytes).await?;
        if !checked {
            let token = std::str::from_utf8(&bytes).ok().filter(|_| field == CSRF);
            form::check(Some(&person.session), token)?;
            checked = true;
            continue;
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let name = name.filter(|name| !name.is_empty());
        let name = match field.as_str() {
            "file" => name.unwrap_or_else(|| "file".to_owned()),
            "text" => "pasted text".to_owned(),
            _ => continue,
        };
        if files.len() >= FILES {
            return Err(WebError::Wrong(format!(
                "These are more than {FILES} files. Post them in parts, or with `cybexp post`."
            )));
        }
        let name = name.chars().take(200).collect();
        files.push(Upload { name, bytes });
    }
    match checked {
        true => Ok(files),
        false => Err(WebError::Forged),
    }
}

async fn take(part: &mut Field<'_>, left: &mut u64, most: u64) -> Result<Bytes, WebError> {
    let mut whole = Vec::new();
    // what is too much is read for a while, so that the browser comes to read the response, but not kept
    let mut too_large: Option<Instant> = None;
    while too_large.is_none_or(|since| since.elapsed() < form::LINGER) {
        let piece = tokio::time::timeout(form::SILENCE, part.chunk()).await;
        let piece = piece.map_err(|_| form::too_slow())?;
        let Some(piece) = piece.map_err(|error| WebError::Wrong(error.body_text()))? else {
            break;
        };
        match left.checked_sub(piece.len() as u64) {
            Some(rest) if too_large.is_none() => {
                *left = rest;
                whole.extend_from_slice(&piece);
            }
            _ => {
                too_large.get_or_insert_with(Instant::now);
                whole.clear();
            }
        }
    }
    match too_large {
        Some(_) => Err(WebError::TooLarge(most)),
        None => Ok(whole.into()),
    }
}
