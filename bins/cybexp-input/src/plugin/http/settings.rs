//! The settings of `http`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cybexp_service::ConfigError;
use cybexp_service::config::Secret;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::identity::{IdSetting, ItemIdentity};
use super::source::{HttpSource, Items, asked_for, first_url};
use crate::plugin::source::{InputConfig, Setting};
use crate::plugin::wire;
use cybexp_feed::{Http, HttpOptions, JsonPath, ListPlan, PageRequest, Paging, Secrets, names_key};

/// Pages that are read of one list.
const PAGES: u32 = 1000;

/// The settings, for people.
pub(super) const ALL: &[Setting] = &[
    Setting {
        name: "url",
        required: true,
        about: "what is asked for; {\"env\": …} or {\"file\": …} where it holds a key",
    },
    Setting {
        name: "method",
        required: false,
        about: "GET, POST or another [default: GET, with a body POST]",
    },
    Setting {
        name: "body",
        required: false,
        about: "what is sent: JSON, or a text as it is; {\"env\": …} or {\"file\": …} where it holds a key",
    },
    Setting {
        name: "headers",
        required: false,
        about: "headers of the request, each value as it is, {\"env\": …} or {\"file\": …}; where the source redirects to another \
                host or port, they are left behind, but not from http to https",
    },
    Setting {
        name: "items",
        required: false,
        about: "where in the JSON the list is, \"data.list\", or \".\" for the document itself, which may be one record a line, \
                too: each element that is new is a record; null or nothing is an empty list, an object is read as its values \
                [default: the whole answer is one record, when it has changed]",
    },
    Setting {
        name: "id",
        required: false,
        about: "the field that names an element, or a list of fields: one that comes again with another age or score is the same \
                [default: an element is the same if all its values are]",
    },
    Setting {
        name: "key_as",
        required: false,
        about: "where items is an object of ids: the name under which each element gets its id",
    },
    Setting {
        name: "next",
        required: false,
        about: "the field beside the list that leads to the next page, \"meta.next\"; false to read one page only [default: the \
                Link header, @odata.nextLink, next, links.next and their like, where they hold a URL]",
    },
    Setting {
        name: "next_param",
        required: false,
        about: "where next holds no URL but a cursor or a number: the parameter of the URL, or the field of a body of JSON, that \
                it goes into",
    },
    Setting {
        name: "pages",
        required: false,
        about: "the most pages that are read at once [default: 1000]",
    },
    Setting {
        name: "user_agent",
        required: false,
        about: "what it calls itself [default: cybexp-input/VERSION]",
    },
    wire::CA,
    wire::PROXY,
];

/// The settings as they stand in the configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpSettings {
    url: Secret,
    method: Option<String>,
    body: Option<Value>,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    items: Option<String>,
    id: Option<IdSetting>,
    key_as: Option<String>,
    next: Option<NextField>,
    next_param: Option<String>,
    #[serde(default = "pages")]
    pages: u32,
    user_agent: Option<String>,
    ca: Option<PathBuf>,
    proxy: Option<Secret>,
}

/// A field, or `false`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum NextField {
    Wanted(bool),
    Field(String),
}

fn pages() -> u32 {
    PAGES
}

impl HttpSettings {
    /// # Errors
    /// Names the setting that is wrong.
    pub(super) fn source(self, given: &InputConfig<'_>) -> Result<HttpSource, ConfigError> {
        let wire = wire::wire(given, self.ca.as_deref(), self.proxy.as_ref(), true)?;
        let mut options = HttpOptions::new(wire);
        let url = given.secret("url", &self.url)?;
        let url = first_url(given, url.expose_secret())?;
        options.secrets.add_url(&url);
        let mut headers = self.headers(given, &mut options.secrets)?;
        let body = self.body(given, &mut headers, &mut options.secrets)?;
        if let Some(user_agent) = &self.user_agent {
            let valid = HeaderValue::from_str(user_agent);
            valid.map_err(|_| given.wrong("user_agent", "is no value of a header"))?;
            options.user_agent.clone_from(user_agent);
        }
        let method = match (&self.method, &body) {
            (None, None) => Method::GET,
            (None, Some(_)) => Method::POST,
            (Some(method), _) => method
                .to_ascii_uppercase()
                .parse()
                .map_err(|_| given.wrong("method", "is no method of HTTP"))?,
        };
        let first = PageRequest { url, body };
        let of = asked_for(&method, &first, &self.items);
        let items = self.items(given)?;
        Ok(HttpSource {
            http: Http::new(options).map_err(|reason| given.wrong("", reason))?,
            method,
            first,
            headers,
            items,
            of,
            resume: None,
            told: false,
        })
    }

    fn headers(
        &self,
        given: &InputConfig<'_>,
        secrets: &mut Secrets,
    ) -> Result<HeaderMap, ConfigError> {
        let mut headers = HeaderMap::new();
        for (name, secret) in &self.headers {
            let key = format!("headers.{name}");
            let value = given.secret(&key, secret)?;
            let header: HeaderName = name
                .parse()
                .map_err(|_| given.wrong(&key, "is no name of a header"))?;
            secrets.add(value.expose_secret());
            let mut value: HeaderValue = value
                .expose_secret()
                .parse()
                .map_err(|_| given.wrong(&key, "is no value of a header"))?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        Ok(headers)
    }

    /// The body, and its type where the headers do not say it.
    fn body(
        &self,
        given: &InputConfig<'_>,
        headers: &mut HeaderMap,
        secrets: &mut Secrets,
    ) -> Result<Option<Vec<u8>>, ConfigError> {
        let Some(body) = &self.body else {
            return Ok(None);
        };
        let text = given.text("body", body)?.expose_secret().to_owned();
        let is_secret = |key| body.get(key).is_some_and(Value::is_string);
        if body.as_object().is_some_and(|object| object.len() == 1)
            && ["env", "file"].into_iter().any(is_secret)
        {
            secrets.add(&text);
        }
        add_keys(
            serde_json::from_str(&text).as_ref().unwrap_or(body),
            secrets,
        );
        headers
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(kind(&text)));
        Ok(Some(text.into_bytes()))
    }

    fn items(self, given: &InputConfig<'_>) -> Result<Option<Items>, ConfigError> {
        let Some(items) = &self.items else {
            let needs = [
                ("id", self.id.is_some()),
                ("key_as", self.key_as.is_some()),
                ("next", self.next.is_some()),
                ("next_param", self.next_param.is_some()),
            ];
            return match needs.into_iter().find(|(_, given)| *given) {
                None => Ok(None),
                Some((key, _)) => {
                    Err(given.wrong(key, "is for elements of a list: items says where it is"))
                }
            };
        };
        if self.pages == 0 {
            return Err(given.wrong("pages", "must be at least 1"));
        }
        let paging = match (self.next, self.next_param) {
            (Some(NextField::Field(field)), param) => Paging::Field {
                place: JsonPath::path(&field),
                param,
            },
            (_, Some(_)) => {
                return Err(given.wrong("next_param", "is for what stands in the field next"));
            }
            (Some(NextField::Wanted(false)), None) => Paging::None,
            (Some(NextField::Wanted(true)) | None, None) => Paging::Usual,
        };
        let plan = ListPlan::list(items).lenient(self.key_as);
        Ok(Some(Items {
            plan: plan.beside(paging.places()),
            identity: ItemIdentity::new(self.id),
            paging,
            most: self.pages,
        }))
    }
}

/// Fields of a body that hold keys, by their names.
fn add_keys(body: &Value, secrets: &mut Secrets) {
    match body {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if names_key(name) => secrets.add(text),
                    value => add_keys(value, secrets),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| add_keys(value, secrets)),
        _ => {}
    }
}

/// The type of a body, by how it looks.
fn kind(body: &str) -> &'static str {
    let body = body.trim();
    if serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok() {
        "application/json"
    } else if body.starts_with('<') {
        "text/xml; charset=utf-8"
    } else if body.contains('=') && !body.contains(|c: char| c.is_whitespace() || c == '{') {
        "application/x-www-form-urlencoded"
    } else {
        "text/plain; charset=utf-8"
    }
}
