//! The OpenPhish feed: one URL a line, or one JSON object a line (premium).

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, bail, ensure};
use async_trait::async_trait;
use cybexp_service::ConfigError;
use cybexp_service::config::Secret;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Response, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::plugin::source::{InputConfig, InputSource, Next, Plugin, Setting};
use crate::plugin::wire;
use crate::seen::SeenFeed;
use crate::sink::RecordSink;
use cybexp_feed::{self as feed, Fetched, Http, HttpOptions, HttpRefusal, Pieces, Validators};
use cybexp_spool::ItemKey;

/// The URL of the community's feed: the URL of openphish.com redirects there, where it works.
const FEED: &str =
    "https://raw.githubusercontent.com/openphish/public_feed/refs/heads/main/feed.txt";
/// URLs in one record.
const LINES: usize = 1000;

/// The plugin.
#[derive(Debug)]
pub(super) struct OpenPhishPlugin;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenPhishSettings {
    url: Option<Secret>,
    ca: Option<PathBuf>,
    proxy: Option<Secret>,
}

impl Plugin for OpenPhishPlugin {
    fn name(&self) -> &'static str {
        "openphish"
    }

    fn about(&self) -> &'static str {
        "the OpenPhish feed of phishing URLs"
    }

    fn typetag(&self) -> &'static str {
        "openphish_feed"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                name: "url",
                required: false,
                about: "the feed, text or JSON lines, with user and password for the premium one [default: the community's at \
                        GitHub, for non-commercial use]",
            },
            wire::CA,
            wire::PROXY,
        ]
    }

    fn example(&self) -> Value {
        json!({"url": FEED})
    }

    /// The feed changes every 12 hours, nobody knows when; a question whether it has costs nothing.
    fn period(&self) -> Option<Duration> {
        Some(Duration::from_secs(3600))
    }

    fn open(&self, given: &InputConfig<'_>) -> Result<Box<dyn InputSource>, ConfigError> {
        let settings: OpenPhishSettings = given.settings()?;
        let url = settings.url.unwrap_or_else(|| FEED.into());
        let url = given.secret("url", &url)?;
        let url =
            feed::web_url(url.expose_secret()).map_err(|reason| given.wrong("url", reason))?;
        let (ca, proxy) = (settings.ca.as_deref(), settings.proxy.as_ref());
        let mut options = HttpOptions::new(wire::wire(given, ca, proxy, true)?);
        options.secrets.add_url(&url);
        Ok(Box::new(OpenPhishSource {
            http: Http::new(options).map_err(|reason| given.wrong("", reason))?,
            url,
        }))
    }
}

struct OpenPhishSource {
    http: Http,
    url: Url,
}

#[async_trait]
impl InputSource for OpenPhishSource {
    async fn check(&mut self) -> anyhow::Result<String> {
        let checked = self.look().await;
        checked.map_err(|error| self.http.secrets().hide_in(error))
    }

    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        let fetched = self.take(sink).await;
        fetched.map_err(|error| self.http.secrets().hide_in(error))
    }
}

impl OpenPhishSource {
    async fn look(&self) -> anyhow::Result<String> {
        let Fetched::New(response) = self.get(None).await? else {
            return Ok("answers, with nothing".to_owned());
        };
        let mut lines = lines(response).await?;
        let mut urls = 0;
        while let Some(group) = lines.next().await? {
            urls += read(group, &mut lines).len();
        }
        ensure!(urls > 0, "there is not one URL in the feed");
        Ok(format!("{urls} URLs"))
    }

    async fn take(&self, sink: &RecordSink) -> anyhow::Result<Next> {
        let mut seen = SeenFeed::of(sink).await?;
        let answer = self.get(seen.validators(self.url.as_str())).await?;
        sink.reached();
        let Fetched::New(response) = answer else {
            return Ok(Next::Period);
        };
        let validators = Validators::of(self.url.as_str(), &response);
        let mut lines = lines(response).await?;
        let mut any = false;
        let mut unseen = Vec::new();
        while let Some(group) = lines.next().await? {
            let urls = read(group, &mut lines);
            any |= !urls.is_empty();
            let keyed = urls.into_iter().map(|url| (ItemKey::of(&url), url));
            unseen.extend(seen.unseen(keyed.collect()).await?);
            if unseen.len() >= LINES || seen.is_full() {
                push(&mut seen, &mut unseen);
                seen.flush().await?;
            }
            if sink.is_stopping() {
                return Ok(Next::Period);
            }
        }
        // the feed is never empty: what gives nothing is not it
        ensure!(any, "there is not one URL in the feed");
        push(&mut seen, &mut unseen);
        if let Some(complaint) = lines.complaint() {
            sink.complain(&complaint);
        }
        seen.finish(validators).await?;
        Ok(Next::Period)
    }

    async fn get(&self, known: Option<&Validators>) -> anyhow::Result<Fetched> {
        let answer = self.http.get(&self.url, &HeaderMap::new(), known).await;
        answer.map_err(|error| match error.downcast_ref::<HttpRefusal>() {
            Some(refused) if refused.status == StatusCode::UNAUTHORIZED => {
                anyhow!("{error}: are user and password in settings.url those of the premium feed?")
            }
            _ => error,
        })
    }
}

async fn lines(response: Response) -> anyhow::Result<Pieces<String>> {
    let kind = response.headers().get(CONTENT_TYPE);
    let html = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if html {
        let says = feed::says(response).await;
        bail!(feed::because(
            "the answer is HTML, and no feed".to_owned(),
            says
        ));
    }
    feed::lines(response).await
}

#[derive(Deserialize)]
struct Premium {
    url: String,
}

/// The URLs of these lines.
fn read(group: Vec<String>, lines: &mut Pieces<String>) -> Vec<String> {
    let mut urls = Vec::with_capacity(group.len());
    for line in group {
        let url = match line.starts_with('{') {
            true => serde_json::from_str(&line).map(|premium: Premium| premium.url),
            false => Ok(line),
        };
        match url {
            Ok(url) if is_url(&url) => urls.push(url),
            Ok(other) => lines.leave_out(format!("\"{}\" is no URL", feed::cleaned(&other))),
            Err(error) => {
                let error = feed::cleaned(&error.to_string());
                lines.leave_out(format!("a line of JSON without a url: {error}"));
            }
        }
    }
    urls
}

/// Phishers make URLs that are not valid, which are wanted, too; but the text of an error is none.
fn is_url(text: &str) -> bool {
    let word = text.split_whitespace().next();
    word.is_some_and(|word| word.contains("://")) && !text.contains(char::is_control)
}

fn push(seen: &mut SeenFeed<'_>, unseen: &mut Vec<String>) {
    for lines in unseen.chunks(LINES) {
        seen.push(lines.join("\n"));
    }
    unseen.clear();
}
