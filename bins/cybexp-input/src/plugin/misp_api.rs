//! The events of a MISP, through its API.

mod walk;

use std::collections::HashMap;
use std::mem;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, ensure};
use async_trait::async_trait;
use cybexp_service::ConfigError;
use cybexp_service::config::Secret;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use url::Url;

use self::walk::{Page, Step, Walk};
use crate::feed::{self, Http, Options, Redirects, Refused, Where};
use crate::plugin::{Given, Next, Plugin, Setting, Source};
use crate::record::{Batch, Key};
use crate::sink::Sink;

/// MISP puts a page together before it answers.
const IDLE: Duration = Duration::from_secs(300);
/// An event may be committed later than one with a greater timestamp: so much is asked for again, in seconds.
const OVERLAP: i64 = 300;
const LIMIT: u32 = 100;

/// The plugin.
#[derive(Debug)]
pub(super) struct MispApi;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    key: Secret,
    #[serde(default)]
    orgs: Vec<String>,
    #[serde(default = "yes")]
    verify_tls: bool,
    #[serde(default = "limit")]
    limit: u32,
}

fn yes() -> bool {
    true
}

fn limit() -> u32 {
    LIMIT
}

impl Plugin for MispApi {
    fn name(&self) -> &'static str {
        "misp_api"
    }

    fn about(&self) -> &'static str {
        "the events of a MISP, each once and again when it was edited"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                name: "url",
                required: true,
                about: "the MISP, as a browser shows it",
            },
            Setting {
                name: "key",
                required: true,
                about: "the authentication key of a user: the key, {\"env\": …} or {\"file\": …}",
            },
            Setting {
                name: "orgs",
                required: false,
                about: "only events of these organisations: names, ids or UUIDs, !NAME for all but it [default: all]",
            },
            Setting {
                name: "verify_tls",
                required: false,
                about: "whether its certificate is verified [default: true]",
            },
            Setting {
                name: "limit",
                required: false,
                about: "events that are asked for at once [default: 100]",
            },
        ]
    }

    fn example(&self) -> Value {
        json!({"url": "https://misp.example.com", "key": {"env": "MISP_KEY"}, "orgs": ["CIRCL"]})
    }

    fn period(&self) -> Option<Duration> {
        Some(Duration::from_secs(600))
    }

    fn open(&self, given: &Given<'_>) -> Result<Box<dyn Source>, ConfigError> {
        let settings: Settings = given.settings()?;
        let mut url = feed::web_url(&settings.url).map_err(|reason| given.wrong("url", reason))?;
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        url.set_query(None);
        if settings.limit == 0 {
            return Err(given.wrong("limit", "must be at least 1"));
        }
        let key = given.secret("key", &settings.key)?;
        let mut authorization = HeaderValue::from_str(key.expose_secret().trim())
            .ok()
            .filter(|value| !value.is_empty())
            .ok_or_else(|| given.wrong("key", "is empty, or has characters that no key has"))?;
        authorization.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, authorization),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let options = Options {
            verify_tls: settings.verify_tls,
            redirects: Redirects::None,
            idle: IDLE,
            ..Options::default()
        };
        Ok(Box::new(MispSource {
            http: Http::new(&options).map_err(|reason| given.wrong("", reason))?,
            of: Key::of(format!("{url} {:?}", settings.orgs)).to_string(),
            url,
            key,
            headers,
            orgs: settings.orgs,
            limit: settings.limit,
        }))
    }
}

#[derive(Debug)]
struct MispSource {
    http: Http,
    url: Url,
    key: SecretString,
    headers: HeaderMap,
    orgs: Vec<String>,
    limit: u32,
    /// Which events are asked for.
    of: String,
}

/// Up to where events are taken.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    /// Which ones.
    of: String,
    /// Unix seconds.
    timestamp: i64,
}

#[async_trait]
impl Source for MispSource {
    async fn check(&mut self) -> anyhow::Result<String> {
        let version = self.get("servers/getVersion").await?;
        let me = self.get("users/view/me").await?;
        ensure!(
            version["version"].is_string(),
            "{} answers, but not as a MISP does: is settings.url that of a MISP?",
            feed::origin(&self.url)
        );
        let text = |value: &Value| feed::cleaned(value.as_str().unwrap_or("?"));
        Ok(format!(
            "MISP {}, as {} of {}",
            text(&version["version"]),
            text(&me["User"]["email"]),
            text(&me["Organisation"]["name"])
        ))
    }

    async fn fetch(&mut self, sink: &Sink) -> anyhow::Result<Next> {
        let cursor: Option<Cursor> = sink.cursor().await?;
        let cursor = cursor.filter(|cursor| cursor.of == self.of);
        let last = cursor.map_or(0, |cursor| cursor.timestamp);
        let mut walk = Walk::new(last.saturating_sub(OVERLAP).max(0), self.limit);
        loop {
            let (page, mut batch) = self.page(sink, &walk).await?;
            if sink.is_stopping() {
                return Ok(Next::Period);
            }
            if walk.must_know_order(&page) {
                let newest = self.newest(walk.from).await?;
                walk.newest(newest, &page);
            }
            let step = walk.after(&page);
            let taken = match step {
                Step::On => None,
                Step::Taken => Some(walk.from),
                Step::End { greatest, .. } => Some(greatest),
            };
            // one with a timestamp of the future must not hide those of today
            batch.cursor = taken.map(|taken| {
                let timestamp = taken.min(now()).max(last);
                json!(Cursor {
                    of: self.of.clone(),
                    timestamp
                })
            });
            sink.take(batch).await?;
            if let Step::End { stuck, .. } = step {
                if stuck {
                    sink.complain(&format!(
                        "MISP gives the same {} events as every page: if it has more, they are not seen; \
                         try a greater settings.limit",
                        page.events
                    ));
                }
                return Ok(Next::Period);
            }
        }
    }
}

impl MispSource {
    /// Reads a page. What is new is in the batch, and what did not fit there is taken already.
    async fn page(&self, sink: &Sink, walk: &Walk) -> anyhow::Result<(Page, Batch)> {
        let order = "Event.timestamp asc,Event.id asc";
        let response = self.search(walk.from, order, walk.page, self.limit).await?;
        sink.reached();
        let mut events = feed::items(response, Where::path("response").or_top()).await?;
        let mut page = Page {
            sorted: true,
            ..Page::default()
        };
        let (mut batch, mut here) = (Batch::new(), HashMap::new());
        let mut print = Vec::new();
        while let Some(group) = events.next().await? {
            let mut named = Vec::with_capacity(group.len());
            for event in group {
                match Event::of(event) {
                    Ok(event) => named.push(event),
                    Err(why) => events.leave_out(why),
                }
            }
            page.events += named.len() as u64;
            let keys = named.iter().map(|event| event.key).collect();
            let marks = sink.marks(keys).await?;
            for (event, mark) in named.into_iter().zip(marks) {
                print.extend_from_slice(event.key.to_string().as_bytes());
                page.see(event.timestamp);
                let timestamp = event.timestamp.unwrap_or_default();
                let mark = here.get(&event.key).copied().or(mark);
                if mark.is_some_and(|mark| mark >= timestamp) {
                    continue;
                }
                page.unseen += 1;
                here.insert(event.key, timestamp);
                batch.marks.push((event.key, timestamp));
                batch.push(String::from(Box::<str>::from(event.text)));
            }
            if batch.is_full() {
                here.clear();
                sink.take(mem::take(&mut batch)).await?;
            }
            if sink.is_stopping() {
                break;
            }
        }
        page.events += events.left_out();
        page.print = Some(Key::of(print));
        events.complain(sink);
        Ok((page, batch))
    }

    /// The timestamp of the newest event.
    async fn newest(&self, from: i64) -> anyhow::Result<Option<i64>> {
        let order = "Event.timestamp desc,Event.id desc";
        let response = self.search(from, order, 1, 1).await?;
        let mut events = feed::items(response, Where::path("response").or_top()).await?;
        let newest = events
            .next()
            .await?
            .and_then(|group| group.into_iter().next());
        Ok(newest.and_then(|event| Event::of(event).ok()?.timestamp))
    }

    async fn search(
        &self,
        from: i64,
        order: &str,
        page: u32,
        limit: u32,
    ) -> anyhow::Result<Response> {
        let mut body =
            json!({"returnFormat": "json", "limit": limit, "page": page, "order": order});
        // some versions want a greater one, some one that is not smaller
        if from > 1 {
            body["timestamp"] = json!(from - 1);
        }
        if !self.orgs.is_empty() {
            body["org"] = json!(self.orgs);
        }
        let request = self.request(Method::POST, "events/restSearch")?;
        self.send(request.json(&body)).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let response = self.send(self.request(Method::GET, path)?).await?;
        let body = feed::whole(response).await?;
        serde_json::from_slice(&body).with_context(|| {
            let origin = feed::origin(&self.url);
            format!("{origin} answers {path} with something that is no JSON: is settings.url that of a MISP?")
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
        let response = match self.http.send(request.build()).await {
            Ok(response) => response,
            Err(error) => {
                return Err(match error.downcast::<Refused>() {
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

    /// With what MISP says: `{"name": …, "message": …, "url": …}`, or `errors`.
    fn explained(&self, refused: &Refused) -> anyhow::Error {
        let body: Value = serde_json::from_slice(&refused.body).unwrap_or_default();
        let message = match (&body["errors"], &body["message"], &body["name"]) {
            (Value::Null, Value::String(text), _) | (Value::Null, _, Value::String(text)) => {
                text.clone()
            }
            (Value::Null, ..) => String::new(),
            (errors, ..) => errors.to_string(),
        };
        let message = message.replace(self.key.expose_secret().trim(), "***");
        let message = match feed::cleaned(&message) {
            message if message.is_empty() => String::new(),
            message => format!(": {message}"),
        };
        match refused.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => anyhow!(
                "{refused}{message} (is settings.key the key of a user who may read events?)"
            ),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                anyhow!("{refused}{message} (is settings.url that of a MISP?)")
            }
            _ => anyhow!("{refused}{message}"),
        }
    }
}

impl Page {
    fn see(&mut self, timestamp: Option<i64>) {
        let Some(timestamp) = timestamp else { return };
        let (first, last) = self.ends.unwrap_or((timestamp, timestamp));
        self.sorted &= last <= timestamp;
        self.ends = Some((first, timestamp));
        self.greatest = self.greatest.max(timestamp);
    }
}

/// An event as it was sent, `{"Event": {…}}`.
#[derive(Debug)]
struct Event {
    text: Box<RawValue>,
    /// Its UUID, or where it lacks that or a timestamp, all of it.
    key: Key,
    /// Unix seconds, of the last edit.
    timestamp: Option<i64>,
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(rename = "Event", borrow)]
    event: &'a RawValue,
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    uuid: Value,
    #[serde(default)]
    timestamp: Value,
}

impl Event {
    fn of(text: Box<RawValue>) -> Result<Self, String> {
        let head = feed::object(&text).and_then(|wrapped: Wrapped<'_>| feed::object(wrapped.event));
        let Head { uuid, timestamp } =
            head.map_err(|error| format!("{} is no event: {error}", feed::cleaned(text.get())))?;
        // numbers are strings in most versions
        let timestamp = match &timestamp {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_i64(),
        };
        let key = match (uuid.as_str(), timestamp) {
            (Some(uuid), Some(_)) if !uuid.is_empty() => Key::of(uuid.to_lowercase()),
            _ => Key::of(text.get()),
        };
        Ok(Self {
            text,
            key,
            timestamp,
        })
    }
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs() as i64)
}
