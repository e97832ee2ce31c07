//! The page of a value: how often it was seen, with what, and how that hangs together.
//!
//! Its parts are asked for at the same time and sent as they come, so that nothing waits for the slowest.

mod about;
mod events;
mod facts;
mod rank;
mod related;
mod verdicts;
mod when;

pub(super) use verdicts::GIVEN;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use cybexp_client::Client;
use futures::{FutureExt, StreamExt, stream};
use maud::{Markup, html};
use tokio::task::JoinHandle;

use super::expansion::expanded;
use crate::app::App;
use crate::ask::{Answer, ask, question};
use crate::error::WebError;
use crate::instances::Related;
use crate::params::Params;
use crate::query::PageQuery;
use crate::sign_in::SignedIn;
use crate::subject::Subject;
use crate::view::frame::halves;
use crate::view::{text, value};

/// `GET /value`
pub(crate) async fn value(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Result<Response, WebError> {
    let query = PageQuery::read(&params).ok_or_else(|| {
        WebError::Wrong("The address of the page names no value. Search for one.".to_owned())
    })?;
    let title = text::plain(query.subject.text(), 60);
    let (begin, end) = halves(&person, &title, query.subject.text());
    let head = head(&person, &query, &params);

    let (client, wait) = (&person.client, app.wait);
    let asked = || (client.clone(), query.clone(), wait);
    let all = [
        spawn(with(asked(), facts::facts)),
        spawn(verdicts::verdicts(person.clone(), query.clone(), wait)),
        spawn(with(asked(), when::when)),
        spawn(with(asked(), rank::ranked)),
        spawn(with(asked(), about::about)),
        spawn(around(app, person, query)),
    ];
    let [facts, verdicts, when, rank, about, around] = all.map(part);
    let parts = [
        async move { begin + &head.into_string() }.boxed(),
        facts,
        verdicts,
        when,
        rank,
        about,
        around,
        async move { end }.boxed(),
    ];
    let parts = stream::iter(parts).then(|part| part.map(Ok::<_, std::convert::Infallible>));
    Ok(Html(Body::from_stream(parts)).into_response())
}

/// Asks for the events of the page, and shows what they hold.
async fn around(app: Arc<App>, person: SignedIn, query: PageQuery) -> Result<Markup, WebError> {
    let mut asked = vec![question("related", query.documents())];
    if query.level == 1 {
        asked.push(question("related", query.sessions()));
    }
    let mut answers = ask(&person.client, asked, app.wait).await?.into_iter();
    let report = answers.next().unwrap_or(Answer::NotReady).report()?;
    let related = Related::read(&query.subject, &report);
    if related.events.is_empty() {
        return Ok(nothing(&query));
    }
    let mut sessions = related.sessions.clone();
    if let Some(Answer::Report(report)) = answers.next()
        && sessions.is_empty()
    {
        sessions = Related::read(&query.subject, &report).sessions;
    }
    let around = expanded(&app, &person, &query, &report).await?;
    let shown = tokio::task::spawn_blocking(move || {
        html! {
            (events::sessions(&sessions))
            (related::graph(&query, &around))
            (related::lists(&query, &related))
            (events::events(&query, &related))
        }
    });
    shown
        .await
        .map_err(|error| WebError::Internal(error.into()))
}

/// Calls a part with what it asks by.
fn with<F>(
    (client, query, wait): (Client, PageQuery, Duration),
    part: impl FnOnce(Client, PageQuery, Duration) -> F,
) -> F {
    part(client, query, wait)
}

fn spawn(
    part: impl Future<Output = Result<Markup, WebError>> + Send + 'static,
) -> JoinHandle<Result<Markup, WebError>> {
    tokio::spawn(part)
}

fn part(task: JoinHandle<Result<Markup, WebError>>) -> futures::future::BoxFuture<'static, String> {
    async move {
        let part = task
            .await
            .unwrap_or_else(|panic| Err(WebError::Internal(panic.into())));
        part.unwrap_or_else(|error| error.part()).into_string()
    }
    .boxed()
}

fn head(person: &SignedIn, query: &PageQuery, params: &Params) -> Markup {
    let searched = params.get("searched");
    html! {
        @match params.get("verdict") {
            Some("given") => { div.notice.good role="status" { "The verdict is given." } }
            Some("withdrawn") => { div.notice.good role="status" { "The verdict is withdrawn." } }
            _ => {}
        }
        @if params.get("watch") == Some("begun") {
            div.notice.good role="status" { "You watch this value: " a href="/watch" { "Live" } " tells of its new events." }
        }
        @match &query.subject {
            Subject::Value { sub_type, data } => {
                h1.subject { (value::sub_type(sub_type)) " " (text::block(data)) }
                @if searched.is_some() {
                    p.note {
                        "Taken for " strong { (text::line(sub_type)) } ". "
                        @if searched == Some("hash") {
                            "Or is it the " a href=(Subject::Hash(data.to_ascii_lowercase()).path("/value")) { "hash of an instance" }
                            " or " a href=(crate::params::link("/event", &[("id", &data.to_ascii_lowercase())])) { "of an event" } "?"
                        }
                    }
                }
            }
            Subject::Hash(hash) => { h1.subject { span.tag.f-other { "hash" } " " (text::block(hash)) } }
        }
        (related::conditions(query))
        div.actions { (super::watch::watch_value(person, &query.subject)) }
    }
}

fn nothing(query: &PageQuery) -> Markup {
    html! {
        section.empty {
            h2 { "Nothing here" }
            @if query.last.is_some() || query.category.is_some() || query.page > 1 {
                p {
                    "No event that you may see holds this value under these conditions. "
                    a href=(query.subject.path("/value")) { "Show all events" }
                }
            } @else {
                p { "No event that you may see holds this value. It may be known under another type:" }
                (related::other_types(query))
            }
        }
    }
}
