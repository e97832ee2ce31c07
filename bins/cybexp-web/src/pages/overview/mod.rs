//! The overview: what comes in, who attacks, from where, with what, and what is new.
//!
//! Its parts are asked for at the same time and sent as they come.

mod export;
mod news;
mod places;
mod sources;
mod tops;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::WebError;
use crate::params::{Params, link};
use crate::query::LAST;
use crate::sign_in::SignedIn;
use crate::view::frame::halves;

pub(super) use export::export;

/// The path of the page.
const PATH: &str = "/overview";

/// `GET /overview`
pub(crate) async fn overview(
    State(app): State<Arc<App>>,
    person: SignedIn,
    params: Params,
) -> Response {
    let last = last(&params);
    let (begin, end) = halves(&person, "Overview", "");
    let wait = app.wait;
    let all = [
        part(sources::sources(person.client.clone())),
        part(places::places(person.client.clone(), last, wait)),
        part(tops::tops(person.client.clone(), last, wait)),
        part(news::news(person.client, last, wait)),
    ];
    let [sources, places, tops, news] = all;
    let (head, foot) = (head(last).into_string(), foot(last).into_string());
    let parts = [
        async move { begin + &head }.boxed(),
        sources,
        tops,
        news,
        // what was derived takes longest, and would keep the others from the screen
        places,
        async move { foot + &end }.boxed(),
    ];
    let parts = stream::iter(parts).then(|part| part.map(Ok::<_, std::convert::Infallible>));
    Html(Body::from_stream(parts)).into_response()
}

/// Begins to make a part at once, and returns it when it is made.
fn part(
    made: impl Future<Output = Result<Markup, WebError>> + Send + 'static,
) -> BoxFuture<'static, String> {
    let task = tokio::spawn(made);
    async move {
        let part = task
            .await
            .unwrap_or_else(|panic| Err(WebError::Internal(panic.into())));
        part.unwrap_or_else(|error| error.part()).into_string()
    }
    .boxed()
}

fn last(params: &Params) -> Option<&'static str> {
    params.choice("last", &LAST.map(|(name, _)| name))
}

/// Makes the fields of a question about the values of a sub_type.
fn fields(sub_type: &str, last: Option<&str>, limit: u32) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("sub_type".to_owned(), json!(sub_type));
    fields.insert("limit".to_owned(), json!(limit));
    if let Some(last) = last {
        fields.insert("last".to_owned(), json!(last));
    }
    fields
}

fn head(last: Option<&str>) -> Markup {
    html! {
        h1 { "Overview" }
        nav.times aria-label="Time" {
            ul.chips {
                li { a href=(PATH) aria-current=[last.is_none().then_some("true")] { "all" } }
                @for (name, words) in LAST {
                    li { a href=(link(PATH, &[("last", name)])) aria-current=[(last == Some(name)).then_some("true")] { (words) } }
                }
            }
        }
    }
}

fn foot(last: Option<&str>) -> Markup {
    let export = |form: &str| {
        link(
            "/overview/export",
            &[("last", last.unwrap_or_default()), ("form", form)],
        )
    };
    html! {
        p.exports {
            "Take with you: "
            a href=(export("csv")) download { "CSV" } " " a href=(export("json")) download { "JSON" }
        }
    }
}
