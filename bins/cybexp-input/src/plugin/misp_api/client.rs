//! Asking a MISP.

use anyhow::{Context, anyhow};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use url::Url;

use super::event::MispEvent;
use crate::plugin::misp_parts;
use cybexp_feed::{self as feed, Http, HttpRefusal, ListPlan, Pieces};

/// Events, oldest first; those of one second in a fixed order, without which pages would not fit together.
const OLDEST_FIRST: &str = "Event.timestamp asc,Event.id asc";
const NEWEST_FIRST: &str = "Event.timestamp desc,Event.id desc";
/// An order in which events that are edited meanwhile keep their place.
const AS_THEY_CAME: &str = "Event.id asc";
/// Events without their attributes are small.
const LISTED: u32 = 1000;

/// The events of an answer. One that is too large for a record is divided later.
fn plan() -> ListPlan {
    let events = ListPlan::list("response").or_top();
    events.elements_up_to(misp_parts::EVENT_BYTES)
}

/// A MISP, and what is asked for.
#[derive(Debug)]
pub(super) struct MispClient {
    pub(super) http: Http,
    /// The base URL, with a slash at the end.
    pub(super) url: Url,
    /// The headers, with the key.
    pub(super) headers: HeaderMap,
    /// The organisations whose events are taken; those of all organisations if it is empty.
    pub(super) orgs: Vec<String>,
    /// Events of a page.
    pub(super) limit: u32,
}

impl MispClient {
    /// A page of the events from this timestamp on.
    pub(super) async fn page(&self, from: i64, page: u32) -> anyhow::Result<Pieces<Box<RawValue>>> {
        let from = Self::from(from);
        self.search(from, OLDEST_FIRST, page, self.limit).await
    }

    /// The timestamp of the newest event.
    pub(super) async fn newest(&self, from: i64) -> anyhow::Result<Option<i64>> {
        let mut events = self.search(Self::from(from), NEWEST_FIRST, 1, 1).await?;
        let newest = events
            .next()
            .await?
            .and_then(|group| group.into_iter().next());
        Ok(newest.and_then(|event| MispEvent::of(event).ok()?.timestamp))
    }

    /// A page of all events there are, without what is in them.
    pub(super) async fn listing(&self, page: u32) -> anyhow::Result<Pieces<Box<RawValue>>> {
        let metadata = json!({"metadata": true});
        self.search(metadata, AS_THEY_CAME, page, LISTED).await
    }

    /// These events; at most [`MispClient::limit`].
    pub(super) async fn named(&self, uuids: &[String]) -> anyhow::Result<Pieces<Box<RawValue>>> {
        let named = json!({"uuid": uuids});
        self.search(named, OLDEST_FIRST, 1, self.limit).await
    }

    fn from(timestamp: i64) -> Value {
        match timestamp {
            ..=1 => json!({}),
            // some versions want a greater one, some one that is not smaller
            from => json!({"timestamp": from - 1}),
        }
    }

    async fn search(
        &self,
        which: Value,
        order: &str,
        page: u32,
        limit: u32,
    ) -> anyhow::Result<Pieces<Box<RawValue>>> {
        let mut body = which;
        body["returnFormat"] = json!("json");
        body["limit"] = json!(limit);
        body["page"] = json!(page);
        body["order"] = json!(order);
        if !self.orgs.is_empty() {
            body["org"] = json!(self.orgs);
        }
        let request = self.request(Method::POST, "events/restSearch")?;
        let response = self.send(request.json(&body)).await?;
        feed::items(response, plan()).await
    }

    /// Returns the answer of a path whose answers are small.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let response = self.send(self.request(Method::GET, path)?).await?;
        let body = feed::whole(response).await?;
        serde_json::from_slice(&body).with_context(|| {
            let origin = feed::origin(&self.url);
            let says = feed::reason(&body, self.http.secrets());
            let what = format!("{origin} answers {path} with something that is no JSON");
            format!(
                "{} (is settings.url that of a MISP?)",
                feed::because(what, says)
            )
        })
    }

    fn request(&self, method: Method, path: &str) -> anyhow::Result<RequestBuilder> {
        let url = self.url.join(path)?;
        Ok(self
            .http
            .client()
            .request(method, url)
            .headers(self.headers.clone()))
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let request = request
            .build()
            .map_err(|error| anyhow!("no request: {}", feed::cause(&error)))?;
        let response = match self.http.send(request, &self.url).await {
            Ok(response) => response,
            Err(error) => {
                return Err(match error.downcast::<HttpRefusal>() {
                    Ok(refused) => self.explained(&refused),
                    Err(error) => error,
                });
            }
        };
        match response.status() {
            StatusCode::OK => Ok(response),
            status => Err(anyhow!("{} answers {status}", feed::origin(&self.url))),
        }
    }

    /// Adds the likely cause to an error.
    fn explained(&self, refused: &HttpRefusal) -> anyhow::Error {
        match refused.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                anyhow!("{refused} (is settings.key the key of a user who may read events?)")
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                anyhow!("{refused} (is settings.url that of a MISP?)")
            }
            _ => anyhow!("{refused}"),
        }
    }
}
