//! The page of a session: its story, in order of time, and who else behaves like this.
//!
//! The story is asked for first: without it there is no page. The rest follows as it comes.

mod elsewhere;
mod export;
mod story;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use futures::{FutureExt, StreamExt, stream};
use maud::html;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::ask::{ask_one, question};
use crate::error::WebError;
use crate::params::Params;
use crate::sign_in::SignedIn;
use crate::subject::Subject;
use crate::view::frame::halves;
use crate::view::text;

pub(super) use export::export;

/// The most pages of a story.
const PAGES: u32 = 100;

/// `GET /session`
pub(crate) async fn session(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Result<Response, WebError> {
    let subject = subject(&params)?;
    let page = params.number("page", 1, PAGES).unwrap_or(1);
    let report = report(&app, &person, &subject, page).await?;
    let (begin, end) = halves(&person, "Session", "");
    let rest = elsewhere::elsewhere(person.client.clone(), report.clone(), app.wait);
    let rest = tokio::spawn(rest);
    let head = html! {
        h1.subject { span.tag.k-session { "session" } " " (text::block(&name(&report["data"]["session"], &subject))) }
        (story::story(&subject, &report))
    };
    let end = html! {
        p.exports {
            "Take with you: "
            a href=(export_path(&subject, page, "csv")) download { "CSV" } " "
            a href=(export_path(&subject, page, "json")) download { "JSON" }
        }
        p { a.step href=(subject.path_with("/value", &[("level", "2")])) { "The graph around this session" } }
    }
    .into_string() + &end;
    let parts = [
        async move { begin + &head.into_string() }.boxed(),
        async move {
            let rest = rest
                .await
                .unwrap_or_else(|panic| Err(WebError::Internal(panic.into())));
            rest.unwrap_or_else(|error| error.part()).into_string()
        }
        .boxed(),
        async move { end }.boxed(),
    ];
    let parts = stream::iter(parts).then(|part| part.map(Ok::<_, std::convert::Infallible>));
    Ok(Html(Body::from_stream(parts)).into_response())
}

fn subject(params: &Params) -> Result<Subject, WebError> {
    let none = || WebError::Wrong("The address of the page names no session.".to_owned());
    Subject::read(params).ok_or_else(none)
}

fn export_path(subject: &Subject, page: u32, form: &str) -> String {
    let page = page.to_string();
    subject.path_with("/session/export", &[("page", &page), ("form", form)])
}

/// Asks for a page of the story.
///
/// # Errors
/// There is no such session.
async fn report(
    app: &App,
    person: &SignedIn,
    subject: &Subject,
    page: u32,
) -> Result<Value, WebError> {
    let mut fields: Map<String, Value> = subject.fields();
    fields.insert("page".to_owned(), json!(page));
    let report = ask_one(&person.client, question("session", fields), app.wait).await;
    report.map_err(|error| match error {
        WebError::Wrong(reason) if reason.contains("no such session") => WebError::NotFound(
            "There is no such session, or you may not see its events.".to_owned(),
        ),
        other => other,
    })
}

/// Returns the text by which a session is known.
fn name(session: &Value, subject: &Subject) -> String {
    let id = session["data"]["sessionid"][0].as_str();
    id.unwrap_or(subject.text()).to_owned()
}

/// Returns the subject of a session: its id, or its hash where other sessions have the same id.
fn by_hash(session: &Value) -> Option<Subject> {
    Some(Subject::Hash(session["_hash"].as_str()?.to_owned()))
}
