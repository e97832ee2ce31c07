//! Any HTTP API that answers with JSON or text.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use cybexp_service::ConfigError;
use cybexp_service::config::Secret;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::feed::{self, Answer, Http, Options, Redirects, Seen, Validators, Where};
use crate::plugin::{Given, Next, Plugin, Setting, Source};
use crate::record::{Batch, Key};
use crate::sink::Sink;

/// The plugin.
#[derive(Debug)]
pub(super) struct HttpPlugin;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: Secret,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    items: Option<String>,
    user_agent: Option<String>,
}

impl Plugin for HttpPlugin {
    fn name(&self) -> &'static str {
        "http"
    }

    fn about(&self) -> &'static str {
        "any HTTP API that answers with JSON or text"
    }

    fn typetag(&self) -> &'static str {
        "sighting"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                name: "url",
                required: true,
                about: "what is asked for with GET; {\"env\": …} or {\"file\": …} where it holds a key",
            },
            Setting {
                name: "headers",
                required: false,
                about: "headers of the request, each value as it is, {\"env\": …} or {\"file\": …}; with headers, \
                        redirects to other hosts are not followed",
            },
            Setting {
                name: "items",
                required: false,
                about: "where in the JSON the list is, \"data.list\", or \".\" for the document itself: each element that \
                        the last answer lacked is a record [default: the whole answer is one, when it has changed]",
            },
            Setting {
                name: "user_agent",
                required: false,
                about: "what it calls itself [default: cybexp-input/VERSION]",
            },
        ]
    }

    fn example(&self) -> Value {
        json!({
            "url": "https://api.example.com/v1/sightings",
            "headers": {"Authorization": {"env": "EXAMPLE_API_KEY"}},
            "items": "data.list",
        })
    }

    fn period(&self) -> Option<Duration> {
        Some(Duration::from_secs(300))
    }

    fn open(&self, given: &Given<'_>) -> Result<Box<dyn Source>, ConfigError> {
        let settings: Settings = given.settings()?;
        let url = given.secret("url", &settings.url)?;
        let url =
            feed::web_url(url.expose_secret()).map_err(|reason| given.wrong("url", reason))?;
        let mut headers = HeaderMap::new();
        for (name, secret) in &settings.headers {
            let key = format!("headers.{name}");
            let value = given.secret(&key, secret)?;
            let header: HeaderName = name
                .parse()
                .map_err(|_| given.wrong(&key, "is no name of a header"))?;
            let mut value: HeaderValue = value
                .expose_secret()
                .parse()
                .map_err(|_| given.wrong(&key, "is no value of a header"))?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        let mut options = Options::default();
        if !headers.is_empty() {
            options.redirects = Redirects::SameHost;
        }
        if let Some(user_agent) = settings.user_agent {
            let valid = HeaderValue::from_str(&user_agent);
            valid.map_err(|_| given.wrong("user_agent", "is no value of a header"))?;
            options.user_agent = user_agent;
        }
        let of = format!("{url} {:?}", settings.items);
        Ok(Box::new(HttpSource {
            http: Http::new(&options).map_err(|reason| given.wrong("", reason))?,
            url,
            headers,
            items: settings.items.as_deref().map(Where::path),
            of,
        }))
    }
}

struct HttpSource {
    http: Http,
    url: Url,
    headers: HeaderMap,
    items: Option<Where>,
    /// What is asked for, and how it is read.
    of: String,
}

/// Up to where an answer is taken that is one record.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cursor {
    /// What the last answer was.
    body: Option<String>,
    validators: Option<Validators>,
}

#[async_trait]
impl Source for HttpSource {
    async fn check(&mut self) -> anyhow::Result<String> {
        let response = match self.get(None).await? {
            Answer::Nothing => return Ok("answers, with nothing".to_owned()),
            Answer::New(response) => response,
        };
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("data");
        let kind = feed::cleaned(kind);
        match &self.items {
            None => Ok(format!(
                "answers with {kind}, {} bytes",
                feed::whole(response).await?.len()
            )),
            Some(place) => {
                let mut items = feed::items(response, place.clone()).await?;
                Ok(match items.next().await? {
                    Some(_) => format!("answers with {kind}, and the list is there"),
                    None => format!("answers with {kind}, and the list is empty"),
                })
            }
        }
    }

    async fn fetch(&mut self, sink: &Sink) -> anyhow::Result<Next> {
        match &self.items {
            Some(place) => self.fetch_items(sink, place.clone()).await?,
            None => self.fetch_whole(sink).await?,
        }
        Ok(Next::Period)
    }
}

impl HttpSource {
    async fn get(&self, known: Option<&Validators>) -> anyhow::Result<Answer> {
        self.http.get(&self.url, &self.headers, known).await
    }

    async fn fetch_items(&self, sink: &Sink, place: Where) -> anyhow::Result<()> {
        let mut seen = Seen::in_last_answer(sink).await?;
        let answer = self.get(seen.validators(&self.of)).await?;
        sink.reached();
        let Answer::New(response) = answer else {
            return Ok(());
        };
        let validators = Validators::of(&self.of, &response);
        let mut items = feed::items(response, place).await?;
        while let Some(group) = items.next().await? {
            let keyed = group.into_iter().map(|item| (Key::of(item.get()), item));
            for item in seen.unseen(keyed.collect()).await? {
                seen.push(feed::text(item));
            }
            if seen.is_full() {
                seen.flush().await?;
            }
            if sink.is_stopping() {
                return Ok(());
            }
        }
        items.complain(sink);
        seen.finish(validators).await
    }

    async fn fetch_whole(&self, sink: &Sink) -> anyhow::Result<()> {
        let last: Cursor = sink.cursor().await?.unwrap_or_default();
        let known = last.validators.filter(|known| known.are_of(&self.of));
        let answer = self.get(known.as_ref()).await?;
        sink.reached();
        let Answer::New(response) = answer else {
            return Ok(());
        };
        let validators = Validators::of(&self.of, &response);
        let body = feed::whole(response).await?;
        let mut batch = Batch::new();
        let name = Some(Key::of(&body).to_string());
        if name != last.body && !body.trim_ascii().is_empty() {
            batch.push(body);
        }
        let cursor = Cursor {
            body: name,
            validators,
        };
        batch.cursor = Some(json!(cursor));
        sink.take(batch).await
    }
}
