//! The sections of the configuration file, with their defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tahoe_core::Tlp;
use url::Url;

use super::{Keep, Secret};

const LOCAL: &str = "mongodb://localhost:27017/";

/// `api`: the API, and how others reach it.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// The URL at which inputs and people reach the API.
    pub url: Url,
    /// The host that call-backs to `0.0.0.0`, `127.0.0.1` and `localhost` go to.
    pub host: String,
    /// The bearer token that inputs post with.
    pub token: Secret,
    /// The address that the API listens on.
    pub listen: SocketAddr,
    /// The PEM file of the key that submissions are sealed with.
    pub public_key: PathBuf,
    /// The format of seals.
    pub seal: Seal,
    /// The time in seconds for which a query waits for its report before the answer is "check back later".
    pub wait_s: u64,
    /// The largest body that the API takes, in bytes.
    pub max_body_bytes: u64,
    /// The address on which report daemons call the API back [default: a free port of `listen`'s address].
    pub callback_listen: Option<SocketAddr>,
    /// The time in seconds until a token expires.
    pub token_ttl_s: u64,
    /// Accepts tokens without an expiry, as the Python system made them.
    pub accept_unexpiring_tokens: bool,
    /// The origins whose pages may ask the API from a browser, such as `https://soc.example`; `*` is any [default: none].
    pub cors_origins: Vec<String>,
    /// The most connections at once from one address.
    pub connections_per_address: usize,
    /// The addresses of reverse proxies in front of the API, whose header `X-Forwarded-For` names the client [default: none].
    pub trusted_proxies: Vec<IpAddr>,
}

/// The format of seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seal {
    /// JWE, RSA-OAEP-256 and A256GCM.
    Jwe,
    /// The format of the Python system: RSA-OAEP with SHA-1, AES-256-EAX.
    Legacy,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            url: Url::parse("http://localhost:5000/").expect("a constant url is valid"),
            host: "localhost".to_owned(),
            token: "".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 5000)),
            public_key: "pub.pem".into(),
            seal: Seal::Jwe,
            wait_s: 5,
            max_body_bytes: 64 << 20,
            callback_listen: None,
            token_ttl_s: 30 * 24 * 3600,
            accept_unexpiring_tokens: true,
            cors_origins: vec![],
            connections_per_address: 256,
            trusted_proxies: vec![],
        }
    }
}

/// `cache`: the collection in which submissions wait.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// The URL of MongoDB.
    pub mongo_url: Secret,
    /// The database.
    pub db: String,
    /// The collection of the entries; the bytes are in GridFS.
    pub coll: String,
    /// The time for which submissions are kept of which all records became raws.
    pub keep: Keep,
    /// The time for which submissions are kept with a record that was set aside.
    pub keep_bad: Keep,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            mongo_url: LOCAL.into(),
            db: "cache_db".to_owned(),
            coll: "file_entries".to_owned(),
            keep: Keep::days(1),
            keep_bad: Keep::days(30),
        }
    }
}

/// `tahoe`: the collection of raws and the graph.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tahoe {
    /// The URL of MongoDB.
    pub mongo_url: Secret,
    /// The database.
    pub db: String,
    /// The collection.
    pub coll: String,
}

impl Default for Tahoe {
    fn default() -> Self {
        Self {
            mongo_url: LOCAL.into(),
            db: "tahoe_db".to_owned(),
            coll: "instance".to_owned(),
        }
    }
}

/// `archive`: the archive daemon.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Archive {
    /// Takes precedence over the key in `tahoe`; see [`Config::archive_db`](super::Config::archive_db).
    pub mongo_url: Option<Secret>,
    /// Takes precedence over the key in `tahoe`.
    pub db: Option<String>,
    /// Takes precedence over the key in `tahoe`.
    pub coll: Option<String>,
    /// The PEM file of the key that opens submissions.
    pub private_key: PathBuf,
    /// The time for which raws, and what was made of them, are kept, by typetag; `*` stands for all that are not named
    /// [default: all for ever].
    pub keep: BTreeMap<String, Keep>,
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            mongo_url: None,
            db: None,
            coll: None,
            private_key: "priv.pem".into(),
            keep: BTreeMap::new(),
        }
    }
}

/// `analytics`: the analytics daemon.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Analytics {
    /// Takes precedence over the key in `tahoe`; see [`Config::analytics_db`](super::Config::analytics_db).
    pub mongo_url: Option<Secret>,
    /// Takes precedence over the key in `tahoe`.
    pub db: Option<String>,
    /// Takes precedence over the key in `tahoe`.
    pub coll: Option<String>,
    /// The longest wait after failures, in seconds.
    pub max_backoff_s: u64,
    /// Databases of networks, with which the filter `geoip` tells where an address is: MaxMind's format, or CSV of ranges.
    pub geoip: Vec<PathBuf>,
    /// Whether filters of the second stage derive events from what the first stage made.
    pub second_stage: bool,
    /// Seconds for which a session that has an end is left alone after its last news, before filters read it.
    pub session_settle_s: u64,
    /// The same for a session without an end.
    pub session_open_s: u64,
}

impl Default for Analytics {
    fn default() -> Self {
        Self {
            mongo_url: None,
            db: None,
            coll: None,
            max_backoff_s: 3600,
            geoip: Vec::new(),
            second_stage: true,
            session_settle_s: 10,
            session_open_s: 3600,
        }
    }
}

/// `report`: the report daemon, and the collection of queries and reports.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Report {
    /// The URL of MongoDB.
    pub mongo_url: Secret,
    /// The database.
    pub db: String,
    /// The collection.
    pub coll: String,
    /// The PEM file of the key that opens queries.
    pub private_key: PathBuf,
    /// Hosts that a query may have the daemon call back, besides `api.host`.
    pub callback_hosts: Vec<String>,
    /// The time in seconds after which a query that a crashed daemon left in `processing` is taken up again.
    pub lease_s: u64,
    /// The number of queries that are answered at the same time.
    pub max_concurrent: u32,
    /// Whether queries without an authentication code are answered, as the Python API writes them, and reports without
    /// one are handed out. Then whoever can write to the report database can ask as anyone.
    pub accept_unsigned: bool,
    /// The time in milliseconds for a threatrank. Data that is not read by then widens the bound of its error.
    pub threatrank_budget_ms: u64,
    /// Allow lists in the format of MISP's warninglists: files, or folders of them.
    pub known_good: Vec<PathBuf>,
    /// The time for which queries and reports are kept.
    pub keep: Keep,
    /// Hosts to which webhooks of subscriptions may lead: names, `*.example` for all below one, or `*` for any [default:
    /// none].
    pub webhook_hosts: Vec<String>,
    /// Lets webhooks lead to addresses of this machine and its network, and over http.
    pub webhook_inside: bool,
    /// The server that takes mail for subscribers [default: none, and no mail is sent].
    pub smtp: Option<Smtp>,
    /// The longest wait after failed deliveries to one receiver, in seconds.
    pub delivery_backoff_s: u64,
    /// The time in seconds after which a notice that could not be delivered is parked.
    pub delivery_give_up_s: u64,
    /// The most notices that wait for one receiver, and that are kept parked for one user. The oldest beyond are parked, and
    /// removed.
    pub delivery_most: u64,
    /// The least time in seconds between two mails to a user: what comes in the meantime is told together.
    pub mail_pause_s: u64,
}

/// `report.smtp`: the server that takes mail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The server's name or address.
    pub host: String,
    /// The port [default: 587 for `starttls`, 465 for `tls`, 25 for `none`].
    #[serde(default)]
    pub port: Option<u16>,
    /// The encryption of the connection.
    #[serde(default)]
    pub tls: SmtpTls,
    /// The name to sign in with, if the server wants one.
    #[serde(default)]
    pub user: Option<String>,
    /// The password to sign in with.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The sender's address.
    pub from: String,
    /// A file of certificates in PEM, one of which the server's may be signed with besides those of the system.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// The encryption of a connection to a mail server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Begun by a command (RFC 3207). A server that does not take it gets no mail.
    #[default]
    StartTls,
    /// From the beginning (RFC 8314).
    Tls,
    /// None, for a server on this machine.
    None,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            mongo_url: LOCAL.into(),
            db: "report_db".to_owned(),
            coll: "instance".to_owned(),
            private_key: "priv.pem".into(),
            callback_hosts: Vec::new(),
            lease_s: 60,
            max_concurrent: 64,
            accept_unsigned: false,
            threatrank_budget_ms: 400,
            known_good: Vec::new(),
            keep: Keep::days(30),
            webhook_hosts: Vec::new(),
            webhook_inside: false,
            smtp: None,
            delivery_backoff_s: 3600,
            delivery_give_up_s: 3 * 86_400,
            delivery_most: 100_000,
            mail_pause_s: 60,
        }
    }
}

/// `identity`: the collection of users and organisations.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// The URL of MongoDB.
    pub mongo_url: Secret,
    /// The database.
    pub db: String,
    /// The collection.
    pub coll: String,
    /// The secret that tokens are signed with, of 32 bytes or more [default: none; there must be one].
    pub secret: Secret,
    /// Lets users join an organisation only by accepting its invitation. The Python system asked nobody.
    pub consent: bool,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            mongo_url: LOCAL.into(),
            db: "identity_db".to_owned(),
            coll: "instance".to_owned(),
            secret: "".into(),
            consent: true,
        }
    }
}

/// `web`: the daemon of the web pages.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// The address that the daemon listens on.
    pub listen: SocketAddr,
    /// The URL at which the daemon reaches the API [default: `api.url`].
    pub api_url: Option<Url>,
    /// The secret that cookies are sealed with [default: a random one, so that a restart signs everybody out].
    pub secret: Option<Secret>,
    /// Lets browsers send the cookie over HTTPS only; browsers take the daemon's own loopback address for safe, too.
    pub secure_cookie: bool,
    /// Takes a client's address from the last element of `X-Forwarded-For`, which a reverse proxy adds.
    pub behind_proxy: bool,
    /// The time in seconds until a person has to sign in again.
    pub session_s: u64,
    /// The time in seconds for which a page waits for the answers that it shows.
    pub wait_s: u64,
    /// The largest upload that is posted by hand, in bytes.
    pub max_upload_bytes: u64,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 5080)),
            api_url: None,
            secret: None,
            secure_cookie: true,
            behind_proxy: false,
            session_s: 12 * 3600,
            wait_s: 20,
            max_upload_bytes: 32 << 20,
        }
    }
}

/// `input`: the input daemon and its inputs.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Input {
    /// The folder of the file `runningconfig`.
    pub run_dir: PathBuf,
    /// The folder of the spool: records that were fetched and are not posted yet.
    pub spool_dir: PathBuf,
    /// The largest size of the spool, in bytes.
    pub spool_max_bytes: u64,
    /// Lets sources redirect to other ports, and to addresses of this machine or its network where the source is there itself.
    pub redirects_inside: bool,
    /// The inputs.
    pub inputs: Vec<InputSpec>,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            run_dir: "run".into(),
            spool_dir: "spool".into(),
            spool_max_bytes: 1 << 30,
            redirects_inside: false,
            inputs: Vec::new(),
        }
    }
}

/// An element of `input.inputs`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// The input's name, which no other input has.
    pub name: String,
    /// The name of the plugin that fetches.
    pub plugin: String,
    /// The kind of data, which becomes the raw's `sub_type`.
    pub typetag: String,
    /// Allows a typetag that no filter reads.
    #[serde(default)]
    pub any_typetag: bool,
    /// The organisation that the data belongs to.
    pub orgid: String,
    /// The IANA time zone of times in the data that name none.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The label of the data in the Traffic Light Protocol. Of this label and one that a record itself has, the stricter
    /// one holds.
    #[serde(default, deserialize_with = "label")]
    pub tlp: Option<Tlp>,
    /// Starts the input with the daemon.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The time between two fetches, in seconds; 0 is the plugin's default.
    #[serde(default)]
    pub period_s: u64,
    /// The plugin's own settings, which the plugin checks.
    #[serde(default)]
    pub settings: Settings,
}

/// The settings of a plugin as they stand in the file. `Debug` shows the names alone, for they may hold keys.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub Map<String, Value>);

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Reads a label in either version of the protocol.
fn label<'de, D: Deserializer<'de>>(of: D) -> Result<Option<Tlp>, D::Error> {
    let text = Option::<String>::deserialize(of)?;
    let label = text.map(|text| text.parse()).transpose();
    label.map_err(serde::de::Error::custom)
}

fn utc() -> String {
    "UTC".to_owned()
}

fn yes() -> bool {
    true
}

/// `log`: log lines.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least severe lines to write.
    pub level: LogLevel,
    /// The format of the lines.
    pub format: LogFormat,
}

/// The severity of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// `metrics`: the address on which each daemon serves health and metrics, if it serves them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Metrics {
    pub api: Option<SocketAddr>,
    pub archive: Option<SocketAddr>,
    pub analytics: Option<SocketAddr>,
    pub report: Option<SocketAddr>,
    pub input: Option<SocketAddr>,
    pub web: Option<SocketAddr>,
}

impl Metrics {
    /// Returns the address of the daemon with this name.
    pub fn of(&self, daemon: &str) -> Option<SocketAddr> {
        match daemon {
            "api" => self.api,
            "archive" => self.archive,
            "analytics" => self.analytics,
            "report" => self.report,
            "input" => self.input,
            "web" => self.web,
            _ => None,
        }
    }
}
