//! The events of a MISP, through its API.

mod client;
mod event;
mod sweep;
mod walk;

use std::collections::HashMap;
use std::mem;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use async_trait::async_trait;
use cybexp_service::ConfigError;
use cybexp_service::config::Secret;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use self::client::MispClient;
use self::event::MispEvent;
use self::walk::{EventWalk, MispPage, WalkStep};
use crate::plugin::source::{InputConfig, InputSource, Next, Plugin, Setting};
use crate::plugin::wire;
use crate::sink::RecordSink;
use crate::status::now;
use cybexp_feed::Later;
use cybexp_feed::{self as feed, Http, HttpOptions, Pieces, Redirects};
use cybexp_spool::{ItemKey, RecordBatch};

/// MISP puts a page together before it answers.
const IDLE: Duration = Duration::from_secs(300);
/// An event may be committed later than one with a greater timestamp: so much is asked for again, in seconds.
const OVERLAP: i64 = 300;
/// Between two looks at all that the server has, in seconds.
const SWEEP: i64 = 24 * 3600;
const LIMIT: u32 = 100;

/// The plugin.
#[derive(Debug)]
pub(super) struct MispApiPlugin;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MispApiSettings {
    url: String,
    key: Secret,
    #[serde(default)]
    orgs: Vec<String>,
    #[serde(default = "yes")]
    verify_tls: bool,
    #[serde(default = "limit")]
    limit: u32,
    ca: Option<PathBuf>,
    proxy: Option<Secret>,
}

fn yes() -> bool {
    true
}

fn limit() -> u32 {
    LIMIT
}

impl Plugin for MispApiPlugin {
    fn name(&self) -> &'static str {
        "misp_api"
    }

    fn about(&self) -> &'static str {
        "the events of a MISP, each once and again when it was edited"
    }

    fn typetag(&self) -> &'static str {
        "misp_event"
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
                about: "whether its certificate is verified; ca is the better way for one of your own [default: true]",
            },
            Setting {
                name: "limit",
                required: false,
                about: "events that are asked for at once [default: 100]",
            },
            wire::CA,
            wire::PROXY,
        ]
    }

    fn example(&self) -> Value {
        json!({"url": "https://misp.example.com", "key": {"env": "MISP_KEY"}, "orgs": ["CIRCL"]})
    }

    fn period(&self) -> Option<Duration> {
        Some(Duration::from_secs(600))
    }

    fn open(&self, given: &InputConfig<'_>) -> Result<Box<dyn InputSource>, ConfigError> {
        let settings: MispApiSettings = given.settings()?;
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
        let (ca, proxy) = (settings.ca.as_deref(), settings.proxy.as_ref());
        let wire = wire::wire(given, ca, proxy, settings.verify_tls)?;
        let mut options = HttpOptions {
            redirects: Redirects::Refused,
            idle: IDLE,
            ..HttpOptions::new(wire)
        };
        options.secrets.add(key.expose_secret());
        options.secrets.add_url(&url);
        let of = ItemKey::of(format!("{url} {:?}", settings.orgs)).to_string();
        let client = MispClient {
            http: Http::new(options).map_err(|reason| given.wrong("", reason))?,
            url,
            headers,
            orgs: settings.orgs,
            limit: settings.limit,
        };
        Ok(Box::new(MispSource {
            client,
            of,
            walk: None,
        }))
    }
}

#[derive(Debug)]
struct MispSource {
    client: MispClient,
    /// Conditions on the events that are asked for.
    of: String,
    /// The place at which a fetch failed: the next one goes on from there, or the many pages of a server that fails now and then
    /// would never be through.
    walk: Option<EventWalk>,
}

/// The position up to which events are taken.
#[derive(Debug, Serialize, Deserialize)]
struct MispApiCursor {
    /// The selected events.
    of: String,
    /// Unix seconds.
    timestamp: i64,
    /// The time at which all events of the server were last compared with those taken, in Unix seconds.
    #[serde(default)]
    swept: i64,
}

#[async_trait]
impl InputSource for MispSource {
    async fn check(&mut self) -> anyhow::Result<String> {
        let checked = self.look().await;
        checked.map_err(|error| self.client.http.secrets().hide_in(error))
    }

    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        let fetched = self.take(sink).await;
        fetched.map_err(|error| self.client.http.secrets().hide_in(error))
    }
}

impl MispSource {
    async fn look(&self) -> anyhow::Result<String> {
        let version = self.client.get("servers/getVersion").await?;
        let me = self.client.get("users/view/me").await?;
        ensure!(
            version["version"].is_string(),
            "{} answers, but not as a MISP does: is settings.url that of a MISP?",
            feed::origin(&self.client.url)
        );
        let text = |value: &Value| feed::cleaned(value.as_str().unwrap_or("?"));
        Ok(format!(
            "MISP {}, as {} of {}",
            text(&version["version"]),
            text(&me["User"]["email"]),
            text(&me["Organisation"]["name"])
        ))
    }

    async fn take(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        let cursor: Option<MispApiCursor> = sink.cursor().await?;
        let cursor = cursor.filter(|cursor| cursor.of == self.of);
        // the first time, all is read anyhow
        let (last, swept) = cursor.map_or((0, now() as i64), |c| (c.timestamp, c.swept));
        let from = last.saturating_sub(OVERLAP).max(0);
        let mut walk = self
            .walk
            .take()
            .unwrap_or_else(|| EventWalk::new(from, self.client.limit));
        loop {
            self.walk = Some(walk.clone());
            let events = self.client.page(walk.from, walk.page).await?;
            let (page, mut batch) = self.read(sink, events).await?;
            if sink.is_stopping() {
                return Ok(Next::Period);
            }
            let mut asked_to_wait = None;
            if walk.must_know_order(&page) {
                let newest = match self.client.newest(walk.from).await {
                    Ok(newest) => newest,
                    // what was read is taken; without an answer, pages are asked for by their numbers
                    Err(error) => {
                        match error.is::<Later>() {
                            true => asked_to_wait = Some(error),
                            false => sink.complain(&format!(
                                "the question for the newest event failed, so pages are read by number: {}",
                                self.client.http.secrets().hide(&format!("{error:#}"))
                            )),
                        }
                        None
                    }
                };
                walk.newest(newest, &page);
            }
            let step = walk.after(&page);
            let taken = match step {
                WalkStep::On => None,
                WalkStep::Taken => Some(walk.from),
                WalkStep::End { greatest, .. } => Some(greatest),
            };
            // one with a timestamp of the future must not hide those of today
            let taken = taken.map(|taken| taken.min(now() as i64).max(last));
            batch.cursor = taken.map(|timestamp| self.cursor(timestamp, swept));
            sink.take(batch).await?;
            if let Some(error) = asked_to_wait {
                self.walk = Some(walk);
                return Err(error);
            }
            if let WalkStep::End { stuck, .. } = step {
                self.walk = None;
                if stuck {
                    sink.complain(&format!(
                        "MISP gives the same {} events as every page: if it has more, they are not seen; \
                         try a greater settings.limit",
                        page.events
                    ));
                }
                let now = now() as i64;
                if now - swept >= SWEEP && self.sweep(sink).await? {
                    let mut batch = RecordBatch::new();
                    batch.cursor = Some(self.cursor(taken.unwrap_or(last), now));
                    sink.take(batch).await?;
                }
                return Ok(Next::Period);
            }
        }
    }

    fn cursor(&self, timestamp: i64, swept: i64) -> Value {
        json!(MispApiCursor {
            of: self.of.clone(),
            timestamp,
            swept,
        })
    }

    /// Reads a page. What is new is in the batch, and what did not fit there is taken already.
    async fn read(
        &self,
        sink: &RecordSink,
        mut events: Pieces<Box<RawValue>>,
    ) -> anyhow::Result<(MispPage, RecordBatch)> {
        sink.reached();
        let mut page = MispPage {
            sorted: true,
            ..MispPage::default()
        };
        let (mut batch, mut here) = (RecordBatch::new(), HashMap::new());
        let mut print = Vec::new();
        loop {
            let group = match events.next().await {
                Ok(Some(group)) => group,
                Ok(None) => break,
                // what came before was right
                Err(error) => {
                    sink.take(batch).await?;
                    return Err(error);
                }
            };
            let mut named = Vec::with_capacity(group.len());
            for event in group {
                let event = MispEvent::of(event);
                match event.and_then(|event| Ok((event.records()?, event))) {
                    Ok(event) => named.push(event),
                    Err(why) => events.leave_out(why),
                }
            }
            page.events += named.len() as u64;
            let keys = named.iter().map(|(_, event)| event.key).collect();
            let marks = sink.marks(keys).await?;
            for ((records, event), mark) in named.into_iter().zip(marks) {
                print.extend_from_slice(event.key.to_string().as_bytes());
                page.see(event.timestamp);
                let timestamp = event.timestamp.unwrap_or_default();
                let mark = here.get(&event.key).copied().or(mark);
                if mark.is_some_and(|mark| mark >= timestamp) {
                    continue;
                }
                page.unseen += 1;
                here.insert(event.key, timestamp);
                for record in records {
                    // without the event's mark: records that are taken again become the same raws
                    if batch.is_full() {
                        sink.take(mem::take(&mut batch)).await?;
                    }
                    batch.push(record);
                }
                batch.marks.push((event.key, timestamp));
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
        print.extend_from_slice(events.left_print().as_bytes());
        page.print = Some(ItemKey::of(print));
        if let Some(complaint) = events.complaint() {
            sink.complain(&complaint);
        }
        Ok((page, batch))
    }
}

impl MispPage {
    fn see(&mut self, timestamp: Option<i64>) {
        let Some(timestamp) = timestamp else { return };
        let (first, last) = self.ends.unwrap_or((timestamp, timestamp));
        self.sorted &= last <= timestamp;
        self.ends = Some((first, timestamp));
        self.greatest = self.greatest.max(timestamp);
    }
}
