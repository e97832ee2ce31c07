//! The settings of `websocket`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cybexp_service::ConfigError;
use cybexp_service::config::Secret;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use tokio_tungstenite::tungstenite::http::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use url::Url;

use super::listener::WebsocketSource;
use crate::plugin::source::{InputConfig, Setting};
use crate::plugin::wire;
use cybexp_feed::{ListPlan, Secrets};

/// The handshake's own.
const RESERVED: [HeaderName; 6] = [
    HOST,
    CONNECTION,
    UPGRADE,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
    SEC_WEBSOCKET_EXTENSIONS,
];

/// The settings, for people.
pub(super) const ALL: &[Setting] = &[
    Setting {
        name: "url",
        required: true,
        about: "ws:// or wss://; a secret, since it may hold a key",
    },
    Setting {
        name: "headers",
        required: false,
        about: "headers of the handshake by name, such as authorization; each a secret",
    },
    Setting {
        name: "subprotocol",
        required: false,
        about: "the subprotocol that is asked for, or a list of them; any that the server names is taken",
    },
    Setting {
        name: "subscribe",
        required: false,
        about: "a message that is sent at first, or a list of them: each JSON, or a text as it is, {\"env\": …} or {\"file\": …}",
    },
    Setting {
        name: "items",
        required: false,
        about: "where in a JSON message its records are, \"data.list\", or \".\" where the message is the list [default: a \
                message is one record, and lines of JSON objects are one each]",
    },
    Setting {
        name: "quiet_s",
        required: false,
        about: "the server is pinged every so many seconds, and given up where nothing comes for twice as long [30]",
    },
    wire::CA,
    wire::PROXY,
];

/// The settings as they stand in the configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebsocketSettings {
    url: Secret,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    subprotocol: Option<Value>,
    subscribe: Option<Value>,
    items: Option<String>,
    #[serde(default = "half_a_minute")]
    quiet_s: u64,
    ca: Option<PathBuf>,
    proxy: Option<Secret>,
}

fn half_a_minute() -> u64 {
    30
}

impl WebsocketSettings {
    /// # Errors
    /// Names the setting that is wrong.
    pub(super) fn listener(self, given: &InputConfig<'_>) -> Result<WebsocketSource, ConfigError> {
        let url = given.secret("url", &self.url)?;
        let url = url.expose_secret().trim();
        let (url, place) = place(url).map_err(|reason| given.wrong("url", reason))?;
        let mut secrets = Secrets::default();
        secrets.add_url(&url);
        let mut headers = HeaderMap::new();
        let agent = concat!("cybexp-input/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Some(names) = &self.subprotocol {
            let names = match names {
                Value::String(name) => vec![name.as_str()],
                other => {
                    let names = other.as_array().into_iter().flatten();
                    names
                        .map(|name| name.as_str().unwrap_or_default())
                        .collect()
                }
            };
            let value = HeaderValue::from_str(&names.join(", ")).ok();
            let value =
                value.filter(|_| !names.is_empty() && names.iter().all(|name| is_token(name)));
            let value = value.ok_or_else(|| {
                given.wrong("subprotocol", "is neither a name nor a list of names")
            })?;
            headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
        }
        for (name, secret) in &self.headers {
            let key = format!("headers.{name}");
            let value = given.secret(&key, secret)?;
            secrets.add(value.expose_secret());
            let (name, value) = header(name, &value).map_err(|reason| given.wrong(&key, reason))?;
            headers.insert(name, value);
        }
        if self.quiet_s == 0 {
            return Err(given.wrong("quiet_s", "must be at least 1"));
        }
        let subscribe = match self.subscribe {
            None => Vec::new(),
            Some(Value::Array(messages)) => messages,
            Some(message) => vec![message],
        };
        let subscribe: Result<Vec<_>, _> = subscribe
            .iter()
            .map(|message| given.text("subscribe", message))
            .collect();
        let subscribe = subscribe?;
        for message in &subscribe {
            secrets.add(message.expose_secret());
        }
        Ok(WebsocketSource {
            wire: wire::wire(given, self.ca.as_deref(), self.proxy.as_ref(), true)?,
            url,
            place,
            headers,
            subscribe,
            items: self.items.map(|items| ListPlan::list(&items).lenient(None)),
            quiet: Duration::from_secs(self.quiet_s),
            secrets,
        })
    }
}

/// A name that a header may list (RFC 9110, 5.6.2).
fn is_token(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(allowed)
}

/// The URL, and what people may see of it: it may hold a key in its query.
fn place(text: &str) -> Result<(Url, String), String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err("must begin with ws:// or wss://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or password: give them as the header authorization".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}"));
    let place = format!(
        "{}://{host}{}{}",
        url.scheme(),
        port.unwrap_or_default(),
        url.path()
    );
    Ok((url, place))
}

fn header(name: &str, value: &SecretString) -> Result<(HeaderName, HeaderValue), String> {
    let name: HeaderName = name.parse().map_err(|_| "is no name of a header")?;
    if RESERVED.contains(&name) {
        return Err("is set by the handshake itself".to_owned());
    }
    let mut value =
        HeaderValue::from_str(value.expose_secret()).map_err(|_| "its value cannot be sent")?;
    value.set_sensitive(true);
    Ok((name, value))
}
