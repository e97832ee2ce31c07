//! Events that come in now, and the subscriptions of a person: the values, feeds and kinds of events that they are told of.

mod change;
mod form;
mod notices;
mod subscriptions;

use axum::response::{IntoResponse, Response};
use cybexp_client::ClientError;
use cybexp_filters::vocabulary;
use maud::{Markup, html};
use serde_json::Value;

use crate::error::WebError;
use crate::params::Params;
use crate::sign_in::SignedIn;
use crate::view::family::Family;
use crate::view::frame::page;
use crate::view::text;

pub(super) use change::change;
pub(super) use form::watch_value;

/// The path of the page.
const PATH: &str = "/watch";

/// `GET /watch`
pub(crate) async fn watch(person: SignedIn, params: Params) -> Result<Response, WebError> {
    let client = &person.client;
    let (subscriptions, notices, parked, feeds) = tokio::join!(
        client.get("subscriptions"),
        client.get("subscriptions/notices"),
        client.get("subscriptions/parked"),
        client.get("feeds")
    );
    let body = html! {
        h1 { "Live" }
        @if let Some(done) = params.get("done") { div.notice.good role="status" { (text::line(done)) } }
        (live())
        @match subscriptions {
            Ok(subscriptions) => {
                (notices::told(&list(notices)?, &list(parked)?, &person))
                (subscriptions::shown(&person, &list(Ok(subscriptions))?))
                (form::form(&person, &list(feeds)?))
            }
            // an API of an earlier release
            Err(ClientError::NotTheApi(_)) => { div.notice { "The API keeps no subscriptions." } }
            Err(error) => { (WebError::from(error).part()) }
        }
    };
    Ok(page(&person, "Live", &body).into_response())
}

/// Reads an answer that is a list.
fn list(answer: Result<Value, ClientError>) -> Result<Vec<Value>, WebError> {
    Ok(match answer? {
        Value::Array(items) => items,
        _ => Vec::new(),
    })
}

/// Returns the classes of the families, each before its sub_types, for the script: `f-address ipv4 ipv6;f-host url`.
fn families() -> String {
    let known = |family: &Family| {
        let names = vocabulary::ATTRIBUTES.iter().copied();
        let own = names.filter(|name| Family::of(name) == *family);
        let words: Vec<&str> = std::iter::once(family.class()).chain(own).collect();
        words.join(" ")
    };
    let named = Family::ALL
        .iter()
        .filter(|family| **family != Family::Other);
    named.map(known).collect::<Vec<_>>().join(";")
}

/// Makes the list that the script fills while somebody looks at it.
fn live() -> Markup {
    html! {
        section aria-labelledby="now" {
            h2 #now { "What comes in now" }
            p.note data-live-state role="status" {
                "New events are listed here as they come, by a script, which this browser does not run. "
                a href="/overview" { "The overview" } " tells what is new, and is made anew whenever it is loaded."
            }
            ol.live data-live="/live" data-families=(families()) tabindex="0" aria-labelledby="now" hidden {}
        }
    }
}
