//! A collection of a TAXII server, from which platforms share STIX.

mod client;
mod parts;
mod place;
mod source;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cybexp_service::ConfigError;
use cybexp_service::config::Secret;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use self::client::{TaxiiClient, TaxiiVersion};
use self::source::TaxiiSource;
use crate::plugin::source::{InputConfig, InputSource, Plugin, Setting};
use crate::plugin::wire;
use cybexp_feed::{self as feed, Http, HttpOptions};
use cybexp_spool::ItemKey;

/// Objects that are asked for at once.
const LIMIT: u32 = 500;

/// The plugin.
#[derive(Debug)]
pub(super) struct TaxiiPlugin;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxiiSettings {
    url: Secret,
    collection: Option<String>,
    user: Option<String>,
    password: Option<Secret>,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    added_after: Option<String>,
    #[serde(default = "limit")]
    limit: u32,
    #[serde(default)]
    version: TaxiiVersion,
    ca: Option<PathBuf>,
    proxy: Option<Secret>,
}

fn limit() -> u32 {
    LIMIT
}

impl Plugin for TaxiiPlugin {
    fn name(&self) -> &'static str {
        "taxii"
    }

    fn about(&self) -> &'static str {
        "a collection of a TAXII server: STIX objects as they are added"
    }

    fn typetag(&self) -> &'static str {
        "stix2"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                name: "url",
                required: true,
                about: "the server's discovery, an API root, or a collection: https://HOST/taxii2/, …/ROOT/ or \
                        …/ROOT/collections/ID/; {\"env\": …} or {\"file\": …} where it holds a key",
            },
            Setting {
                name: "collection",
                required: false,
                about: "id, alias or title of the collection [default: the one that url names, or the only one]",
            },
            Setting {
                name: "user",
                required: false,
                about: "the user of basic authentication, with password",
            },
            Setting {
                name: "password",
                required: false,
                about: "the password or token: the text, {\"env\": …} or {\"file\": …}",
            },
            Setting {
                name: "headers",
                required: false,
                about: "headers of the requests, as {\"Authorization\": {\"env\": \"TOKEN\"}}; each value as it is, {\"env\": …} or \
                        {\"file\": …}",
            },
            Setting {
                name: "added_after",
                required: false,
                about: "the time from which on objects are taken, as 2026-01-31T00:00:00Z [default: all that there are]",
            },
            Setting {
                name: "limit",
                required: false,
                about: "objects that are asked for at once [default: 500]",
            },
            Setting {
                name: "version",
                required: false,
                about: "\"2.1\", or \"2.0\" for an old server [default: 2.1]",
            },
            wire::CA,
            wire::PROXY,
        ]
    }

    fn example(&self) -> Value {
        json!({
            "url": "https://taxii.example.com/api/", "collection": "indicators",
            "user": "cybexp", "password": {"env": "TAXII_PASSWORD"},
        })
    }

    fn period(&self) -> Option<Duration> {
        Some(Duration::from_secs(600))
    }

    fn open(&self, given: &InputConfig<'_>) -> Result<Box<dyn InputSource>, ConfigError> {
        let settings: TaxiiSettings = given.settings()?;
        let url = given.secret("url", &settings.url)?;
        let url = feed::web_url(url.expose_secret());
        let mut url = url.map_err(|reason| given.wrong("url", reason))?;
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        if settings.limit == 0 {
            return Err(given.wrong("limit", "must be at least 1"));
        }
        if let Some(after) = &settings.added_after
            && !place::is_time(after)
        {
            let rule = "is no time as 2026-01-31T00:00:00Z";
            return Err(given.wrong("added_after", rule));
        }
        let (ca, proxy) = (settings.ca.as_deref(), settings.proxy.as_ref());
        let mut options = HttpOptions::new(wire::wire(given, ca, proxy, true)?);
        options.secrets.add_url(&url);
        let headers = headers(given, &settings, &mut options)?;
        let of = format!("{url} {:?} {:?}", settings.collection, settings.version);
        let client = TaxiiClient {
            http: Http::new(options).map_err(|reason| given.wrong("", reason))?,
            url,
            headers,
            collection: settings.collection,
            limit: settings.limit,
            version: settings.version,
        };
        let of = ItemKey::of(of).to_string();
        Ok(Box::new(TaxiiSource::new(client, of, settings.added_after)))
    }
}

/// Returns the headers of all requests, but for what is asked for.
fn headers(
    given: &InputConfig<'_>,
    settings: &TaxiiSettings,
    options: &mut HttpOptions,
) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    let mut add = |key: &str, name: HeaderName, text: &str| {
        options.secrets.add(text);
        let value = HeaderValue::from_str(text);
        let mut value = value.map_err(|_| given.wrong(key, "is no value of a header"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    };
    for (name, secret) in &settings.headers {
        let key = format!("headers.{name}");
        let text = given.secret(&key, secret)?;
        let header: Result<HeaderName, _> = name.parse();
        let header = header.map_err(|_| given.wrong(&key, "is no name of a header"))?;
        if header == ACCEPT {
            return Err(given.wrong(&key, "follows from version"));
        }
        add(&key, header, text.expose_secret())?;
    }
    let password = match &settings.password {
        Some(password) => Some(given.secret("password", password)?),
        None => None,
    };
    match (&settings.user, password) {
        (None, None) => {}
        (Some(user), Some(password)) => {
            let basic = client::basic(user, password.expose_secret());
            add("password", AUTHORIZATION, &basic)?;
            options.secrets.add(password.expose_secret());
        }
        (None, Some(_)) => return Err(given.wrong("user", "is missing beside password")),
        (Some(_), None) => return Err(given.wrong("password", "is missing beside user")),
    }
    Ok(headers)
}
