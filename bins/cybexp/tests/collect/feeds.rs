//! Sources that are HTTP servers. All of them fail now and then, and cut connections.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use futures::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::counterparts::{Offer, marks, parts, pause};

/// A feed that grows.
struct GrowingFeed {
    plugin: &'static str,
    url: String,
    settings: fn(&str) -> Value,
    shared: Arc<Shared>,
}

struct Shared {
    marks: Vec<String>,
    offered: AtomicUsize,
    requests: AtomicUsize,
    render: fn(&[String]) -> String,
}

pub(crate) async fn all(records: usize) -> Vec<Box<dyn Offer>> {
    let snapshot = || Router::new().fallback(any(serve));
    vec![
        Box::new(
            GrowingFeed::new(
                "http",
                records,
                snapshot(),
                |marks| {
                    let items: Vec<Value> =
                        marks.iter().map(|mark| json!({"mark": mark})).collect();
                    json!({"data": {"list": items}}).to_string()
                },
                |url| json!({"url": url, "items": "data.list"}),
            )
            .await,
        ),
        Box::new(
            GrowingFeed::new(
                "openphish",
                records,
                snapshot(),
                |marks| {
                    let urls = marks.iter().map(|mark| format!("http://{mark}/\n"));
                    urls.collect()
                },
                |url| json!({"url": url}),
            )
            .await,
        ),
        Box::new(
            GrowingFeed::new(
                "phishtank",
                records,
                snapshot(),
                |marks| {
                    let records = marks.iter().enumerate().map(|(n, mark)| {
                        json!({"phish_id": n.to_string(), "url": format!("http://{mark}/")})
                    });
                    Value::Array(records.collect()).to_string()
                },
                |url| json!({"url": url}),
            )
            .await,
        ),
        Box::new(
            GrowingFeed::new(
                "misp_api",
                records,
                Router::new().route("/events/restSearch", post(search)),
                |_| String::new(),
                |url| json!({"url": url, "key": "k", "limit": 20}),
            )
            .await,
        ),
        Box::new(
            GrowingFeed::new(
                "taxii",
                records,
                Router::new().route("/collections/c/objects/", get(collection)),
                |_| String::new(),
                |url| json!({"url": format!("{url}collections/c/"), "limit": 20}),
            )
            .await,
        ),
    ]
}

impl GrowingFeed {
    async fn new(
        plugin: &'static str,
        records: usize,
        router: Router<Arc<Shared>>,
        render: fn(&[String]) -> String,
        settings: fn(&str) -> Value,
    ) -> Self {
        let shared = Arc::new(Shared {
            marks: marks(plugin, records),
            offered: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            render,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = router.with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            plugin,
            url,
            settings,
            shared,
        }
    }
}

#[async_trait]
impl Offer for GrowingFeed {
    fn plugin(&self) -> &'static str {
        self.plugin
    }

    fn settings(&self) -> Value {
        (self.settings)(&self.url)
    }

    async fn run(&self) -> Vec<String> {
        for part in parts(&self.shared.marks) {
            self.shared.offered.fetch_add(part.len(), Ordering::Relaxed);
            pause().await;
        }
        self.shared.marks.clone()
    }
}

impl Shared {
    fn offered(&self) -> &[String] {
        &self.marks[..self.offered.load(Ordering::Relaxed)]
    }

    /// Every fourth request goes wrong, in one of two ways.
    fn trouble(&self, body: &str) -> Option<Response> {
        match self.requests.fetch_add(1, Ordering::Relaxed) % 8 {
            3 => Some(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
            7 => {
                let half = Bytes::copy_from_slice(&body.as_bytes()[..body.len() / 2]);
                let cut = stream::iter([Ok(half), Err(std::io::Error::other("cut"))]);
                Some(Body::from_stream(cut).into_response())
            }
            _ => None,
        }
    }
}

/// Serves all records offered so far, with an ETag.
async fn serve(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let offered = shared.offered();
    let body = (shared.render)(offered);
    if let Some(trouble) = shared.trouble(&body) {
        return trouble;
    }
    let tag = format!("\"{}\"", offered.len());
    if headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|given| given == &tag)
    {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    ([(header::ETAG, tag)], body).into_response()
}

/// A page of events, as MISP answers; some have the same timestamp.
async fn search(State(shared): State<Arc<Shared>>, Json(query): Json<Value>) -> Response {
    const FIRST: usize = 1_700_000_000;
    let number = |key: &str| match &query[key] {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64().and_then(|n| usize::try_from(n).ok()),
    };
    let (page, limit) = (
        number("page").unwrap_or(1),
        number("limit").unwrap_or(usize::MAX),
    );
    let since = number("timestamp").unwrap_or(0);
    let events = shared.offered().iter().enumerate().map(|(n, mark)| {
        let timestamp = FIRST + n / 7 * 60;
        (timestamp, json!({"Event": {"id": n.to_string(), "uuid": mark, "info": "x", "timestamp": timestamp.to_string()}}))
    });
    let events: Vec<Value> = events
        .filter(|(timestamp, _)| *timestamp >= since)
        .map(|(_, event)| event)
        .skip((page - 1).saturating_mul(limit))
        .take(limit)
        .collect();
    let body = json!({"response": events}).to_string();
    match shared.trouble(&body) {
        Some(trouble) => trouble,
        None => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
    }
}

/// A page of a collection, as a TAXII server answers. A second passes between two objects.
async fn collection(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let url = reqwest::Url::parse(&format!("http://taxii{uri}")).unwrap();
    let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let time = |n: usize| {
        format!(
            "2026-01-01T{:02}:{:02}:{:02}.000000Z",
            n / 3600,
            n / 60 % 60,
            n % 60
        )
    };
    let offered = shared.offered();
    let after = query.get("added_after");
    let from = after.map_or(0, |after| {
        offered
            .len()
            .min((0..).take_while(|n| time(*n) <= *after).count())
    });
    let from = query.get("next").map_or(from, |next| next.parse().unwrap());
    let limit: usize = query["limit"].parse().unwrap();
    let to = offered.len().min(from + limit);
    let objects = offered[from..to].iter().enumerate();
    let objects = objects.map(
        |(n, mark)| json!({"type": "x-mark", "id": format!("x-mark--{}", from + n), "name": mark}),
    );
    let mut page = json!({"objects": objects.collect::<Vec<_>>()});
    if to < offered.len() {
        page["more"] = true.into();
        page["next"] = to.to_string().into();
    }
    let body = page.to_string();
    match shared.trouble(&body) {
        Some(trouble) => trouble,
        None if from == to => body.into_response(),
        None => ([("x-taxii-date-added-last", time(to - 1))], body).into_response(),
    }
}
