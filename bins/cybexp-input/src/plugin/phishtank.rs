//! The PhishTank feed: a JSON list of all phishes that are verified and online, tens of thousands of them.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use cybexp_service::ConfigError;
use cybexp_service::config::Secret;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use url::Url;

use crate::plugin::source::{InputConfig, InputSource, Next, Plugin, Setting};
use crate::plugin::wire;
use crate::seen::SeenFeed;
use crate::sink::RecordSink;
use cybexp_feed::Later;
use cybexp_feed::{
    self as feed, Fetched, Http, HttpOptions, HttpRefusal, ListPlan, Pieces, Validators,
};
use cybexp_spool::ItemKey;

const FEED: &str = "https://data.phishtank.com/data/online-valid.json.bz2";
/// The feed changes every hour.
const WITH_KEY: Duration = Duration::from_secs(3600);
/// "A few downloads per day" for those without a key.
const WITHOUT_KEY: Duration = Duration::from_secs(6 * 3600);
/// Those who try again at once, or ask for too much, are locked out.
const REFUSED: Duration = Duration::from_secs(3600);

/// The plugin.
#[derive(Debug)]
pub(super) struct PhishTankPlugin;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PhishTankSettings {
    url: Option<String>,
    key: Option<Secret>,
    user: Option<String>,
    ca: Option<PathBuf>,
    proxy: Option<Secret>,
}

impl Plugin for PhishTankPlugin {
    fn name(&self) -> &'static str {
        "phishtank"
    }

    fn about(&self) -> &'static str {
        "the PhishTank feed of verified phishing URLs"
    }

    fn typetag(&self) -> &'static str {
        "phishtank_feed"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                name: "url",
                required: false,
                about: "the feed or a copy of it: .json, .json.bz2 or .json.gz [default: PhishTank's]",
            },
            Setting {
                name: "key",
                required: false,
                about: "the application key, which goes into the URL; without it, PhishTankPlugin is asked every 6 h at most, with \
                        it every hour",
            },
            Setting {
                name: "user",
                required: false,
                about: "the user at PhishTank, which it wants to be told (User-Agent phishtank/USER)",
            },
            wire::CA,
            wire::PROXY,
        ]
    }

    fn example(&self) -> Value {
        json!({"key": {"env": "PHISHTANK_KEY"}, "user": "alice"})
    }

    fn period(&self) -> Option<Duration> {
        Some(WITH_KEY)
    }

    fn open(&self, given: &InputConfig<'_>) -> Result<Box<dyn InputSource>, ConfigError> {
        let settings: PhishTankSettings = given.settings()?;
        let url = settings.url.as_deref().unwrap_or(FEED);
        let mut url = feed::web_url(url).map_err(|reason| given.wrong("url", reason))?;
        // of copies, nobody knows what they bear
        let least = match (is_phishtank(&url), &settings.key) {
            (false, _) => Duration::ZERO,
            (true, Some(_)) => WITH_KEY,
            (true, None) => WITHOUT_KEY,
        };
        let period = given.input.period_s;
        if period > 0 && period < least.as_secs() {
            let key = format!("input.inputs[{}].period_s", given.input.name);
            let reason = format!(
                "PhishTank locks out who asks more often than every {} s{}",
                least.as_secs(),
                match settings.key {
                    Some(_) => "",
                    None => " without settings.key",
                }
            );
            return Err(given.config.invalid(key, reason));
        }
        let (ca, proxy) = (settings.ca.as_deref(), settings.proxy.as_ref());
        let mut options = HttpOptions::new(wire::wire(given, ca, proxy, true)?);
        if let Some(key) = &settings.key {
            let key = given.secret("key", key)?;
            options.secrets.add(key.expose_secret());
            insert(&mut url, key.expose_secret()).map_err(|reason| given.wrong("key", reason))?;
        }
        options.secrets.add_url(&url);
        if let Some(user) = &settings.user {
            options.user_agent = format!("phishtank/{user} {}", options.user_agent);
            let valid = HeaderValue::from_str(&options.user_agent);
            valid.map_err(|_| given.wrong("user", "has characters that no header can have"))?;
        }
        Ok(Box::new(PhishTankSource {
            http: Http::new(options).map_err(|reason| given.wrong("", reason))?,
            url,
            least,
        }))
    }
}

fn is_phishtank(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    ["phishtank.com", "phishtank.org"].iter().any(|name| {
        host.strip_suffix(name)
            .is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
    })
}

/// `/data/online-valid.json` becomes `/data/KEY/online-valid.json`.
fn insert(url: &mut Url, key: &str) -> Result<(), &'static str> {
    let Some(file) = url.path().strip_prefix("/data/").map(str::to_owned) else {
        return Err("has no place in url, whose path does not begin with /data/");
    };
    if key.trim().is_empty() {
        return Err("is empty: leave it out");
    }
    if file.contains('/') {
        return Err("has no place in url, which has one already");
    }
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop().push(key.trim()).push(&file);
    }
    Ok(())
}

struct PhishTankSource {
    http: Http,
    url: Url,
    /// The time between two downloads.
    least: Duration,
}

#[async_trait]
impl InputSource for PhishTankSource {
    async fn check(&mut self) -> anyhow::Result<String> {
        let checked = self.look().await;
        checked.map_err(|error| self.http.secrets().hide_in(error))
    }

    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        let fetched = self.take(sink).await;
        fetched.map_err(|error| self.http.secrets().hide_in(error))
    }
}

impl PhishTankSource {
    /// A download, for PhishTank counts every question.
    async fn look(&self) -> anyhow::Result<String> {
        let Fetched::New(response) = self.get(None).await? else {
            return Ok("answers, with nothing".to_owned());
        };
        let mut phishes = feed::items(response, ListPlan::list("")).await?;
        let group = phishes.next().await?.unwrap_or_default();
        anyhow::ensure!(
            group.iter().any(|phish| key(phish).is_some()),
            "there is not one phish in the feed"
        );
        Ok("the feed is there".to_owned())
    }

    async fn take(&self, sink: &RecordSink) -> anyhow::Result<Next> {
        let mut seen = SeenFeed::of(sink).await?;
        let answer = self.get(seen.validators(self.url.as_str())).await?;
        sink.reached();
        if let Fetched::New(response) = answer {
            let validators = Validators::of(self.url.as_str(), &response);
            let phishes = feed::items(response, ListPlan::list("")).await;
            let mut phishes = phishes.map_err(|error| self.later(error))?;
            while let Some(group) = phishes.next().await.map_err(|error| self.later(error))? {
                let keyed = named(group, &mut phishes);
                for phish in seen.unseen(keyed).await? {
                    seen.push(feed::text(phish));
                }
                if seen.is_full() {
                    seen.flush().await?;
                }
                if sink.is_stopping() {
                    return Ok(Next::NotBefore(self.least));
                }
            }
            if let Some(complaint) = phishes.complaint() {
                sink.complain(&complaint);
            }
            seen.finish(validators).await?;
        }
        Ok(Next::NotBefore(self.least))
    }

    async fn get(&self, known: Option<&Validators>) -> anyhow::Result<Fetched> {
        let answer = self.http.get(&self.url, &HeaderMap::new(), known).await;
        // 403 is a captcha of the host before it, 509 was the status for too many requests
        let busy = |status: StatusCode| matches!(status.as_u16(), 403 | 429 | 509);
        answer.map_err(|error| match error.downcast::<HttpRefusal>() {
            Ok(refused) if busy(refused.status) => refused.later(REFUSED),
            Ok(refused) => self.later(refused.into()),
            Err(error) => error,
        })
    }

    /// PhishTank counts a download that failed, too.
    fn later(&self, error: anyhow::Error) -> anyhow::Error {
        match self.least {
            Duration::ZERO => error,
            _ => {
                let reason = error.to_string();
                let wait = REFUSED;
                Later { reason, wait }.into()
            }
        }
    }
}

/// Pairs each phish with the values that identify it; a phish without any is left out.
fn named(
    group: Vec<Box<RawValue>>,
    phishes: &mut Pieces<Box<RawValue>>,
) -> Vec<(ItemKey, Box<RawValue>)> {
    let mut named = Vec::with_capacity(group.len());
    for phish in group {
        match key(&phish) {
            Some(key) => named.push((key, phish)),
            None => {
                let shown = feed::cleaned(phish.get());
                phishes.leave_out(format!("{shown} has neither phish_id nor url"));
            }
        }
    }
    named
}

/// The values that identify a phish: its id, or its URL. Both may be of any type.
#[derive(Deserialize)]
struct Phish<'a> {
    #[serde(borrow)]
    phish_id: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
}

fn key(phish: &RawValue) -> Option<ItemKey> {
    let Phish { phish_id, url } = feed::object(phish).ok()?;
    let name = |value: Option<&RawValue>| {
        let value = value?.get();
        // the same id may be a number or its text
        let text = serde_json::from_str(value).unwrap_or_else(|_| value.to_owned());
        (!matches!(text.as_str(), "" | "null")).then_some(text)
    };
    name(phish_id).or_else(|| name(url)).map(ItemKey::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phish_is_named_by_its_id_or_its_url() {
        let key = |text: &str| key(&RawValue::from_string(text.to_owned()).unwrap());
        let id = key(r#"{"phish_id": "7946016", "url": "https://a/"}"#);
        assert!(id.is_some());
        assert_eq!(key(r#"{"url": "https://b/", "phish_id": 7946016}"#), id);
        let url = key(r#"{"url": "https://a/"}"#);
        assert!(url.is_some() && url != id);
        assert_eq!(key(r#"{"url": "https://a/", "phish_id": null}"#), url);
        for none in ["{}", "[]", "[1, 2]", "5", "null", r#"{"url": ""}"#] {
            assert_eq!(key(none), None, "{none}");
        }
    }

    #[test]
    fn hosts_of_phishtank() {
        let is = |url: &str| is_phishtank(&Url::parse(url).unwrap());
        assert!(is(FEED) && is("http://PHISHTANK.org./x"));
        assert!(!is("https://notphishtank.com/") && !is("https://phishtank.com.example/"));
    }

    #[test]
    fn the_key_goes_into_the_url() {
        let mut url = Url::parse(FEED).unwrap();
        insert(&mut url, "ab/cd\n").unwrap();
        let expected = "https://data.phishtank.com/data/ab%2Fcd/online-valid.json.bz2";
        assert_eq!(url.as_str(), expected);
        assert!(insert(&mut url, "again").is_err());
    }
}
