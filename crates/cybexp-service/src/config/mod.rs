//! The configuration file: one JSON file for the whole suite, every key optional.
//!
//! Paths in the file are relative to its folder and absolute once loaded; keys and secrets may also come as systemd
//! credentials. Secrets may be given in the file, in an environment variable or in a file of their own; they are read when
//! they are used, for not every daemon may see every secret.

mod database;
mod keep;
mod locate;
mod secret;
mod sections;
mod validate;

use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::{Map, Value};

pub use database::{Db, MongoUrl};
pub use keep::Keep;
use locate::locate;
pub use secret::Secret;
pub use sections::{
    Analytics, Api, Archive, Cache, Identity, Input, InputSpec, Log, LogFormat, LogLevel, Metrics,
    Report, Seal, Settings, Smtp, SmtpTls, Tahoe, Web,
};

/// The secret of the Python system's configuration, which everybody knows.
const KNOWN_SECRET: &str = "secret";
/// The fewest bytes of a secret that tokens are signed with: as long as the signature (RFC 7518, section 3.2).
const SECRET_BYTES: usize = 32;

/// The configuration files that are tried in order if none is named.
pub const USUAL_FILES: [&str; 2] = ["config/config.json", "/etc/cybexp/config.json"];

/// The reason why a configuration cannot be used. The text names the file and the key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not JSON, or has an unknown key, or a value of the wrong type.
    #[error("{}: {key}: {source}", file.display())]
    Parse {
        /// The file.
        file: PathBuf,
        /// The path of the key in the file: `report.lease_s`.
        key: String,
        /// The parser's message, with line and column.
        source: serde_json::Error,
    },
    /// A value makes no sense, or a secret cannot be read.
    #[error("{origin}: {key}: {reason}")]
    Invalid {
        /// The file, or a text that there is none.
        origin: String,
        /// The key: `report.lease_s`.
        key: String,
        /// The reason why the value is refused.
        reason: String,
    },
}

impl ConfigError {
    /// Returns true if `error` comes from the configuration.
    pub(crate) fn caused(error: &anyhow::Error) -> bool {
        error.chain().any(|cause| cause.is::<Self>())
    }
}

/// The configuration of the whole suite.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The API, and how others reach it.
    pub api: Api,
    /// The collection in which submissions wait.
    pub cache: Cache,
    /// The collection of raws and the graph, unless `archive` or `analytics` name another one.
    pub tahoe: Tahoe,
    /// The archive daemon.
    pub archive: Archive,
    /// The analytics daemon.
    pub analytics: Analytics,
    /// The report daemon, and the collection of queries and reports.
    pub report: Report,
    /// The collection of users and organisations.
    pub identity: Identity,
    /// The input daemon and its inputs.
    pub input: Input,
    /// The daemon of the web pages.
    pub web: Web,
    /// Log lines.
    pub log: Log,
    /// The address on which each daemon serves health and metrics.
    pub metrics: Metrics,
    #[serde(skip)]
    file: Option<PathBuf>,
    #[serde(skip)]
    folder: PathBuf,
}

impl Config {
    /// Loads the file `given`, else the first of the usual places that exists, else the defaults.
    ///
    /// A given file that does not exist is an error. `$CYBEXP_CONFIG` comes in as `given`: the command line reads it.
    pub fn load(given: Option<&Path>) -> Result<Self, ConfigError> {
        match given.or_else(|| {
            USUAL_FILES
                .iter()
                .map(Path::new)
                .find(|place| place.exists())
        }) {
            Some(file) => Self::from_file(file),
            None => Self::without_file(),
        }
    }

    /// Loads, checks and resolves one file.
    pub fn from_file(file: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Read {
            file: file.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        let parse = |key: String, source| ConfigError::Parse {
            file: file.to_owned(),
            key,
            source,
        };
        let mut json = serde_json::Deserializer::from_str(&text);
        let mut config: Self = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| parse(error.path().to_string(), error.into_inner()))?;
        json.end().map_err(|source| parse(".".to_owned(), source))?;
        // serde would also take a struct as an array of its values
        let sections: Map<String, Value> =
            serde_json::from_str(&text).map_err(|source| parse(".".to_owned(), source))?;
        if let Some((key, _)) = sections.iter().find(|(_, section)| !section.is_object()) {
            return Err(parse(
                key.clone(),
                serde_json::Error::custom("must be an object"),
            ));
        }

        let file = std::path::absolute(file).map_err(unreadable)?;
        config.resolve(file.parent().unwrap_or(Path::new("/")));
        config.file = Some(file);
        config.validate()?;
        Ok(config)
    }

    /// The defaults, with paths relative to the current folder.
    pub fn without_file() -> Result<Self, ConfigError> {
        let here = std::env::current_dir().map_err(|source| ConfigError::Read {
            file: ".".into(),
            source,
        })?;
        let mut config = Self::default();
        config.resolve(&here);
        Ok(config)
    }

    /// Returns the file that was loaded; `None` if there is none and the defaults hold.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Returns the name of the file that was loaded, for people.
    pub fn origin(&self) -> String {
        self.file.as_ref().map_or_else(
            || "no configuration file".to_owned(),
            |file| file.display().to_string(),
        )
    }

    /// The collection in which submissions wait.
    pub fn cache_db(&self) -> Result<Db, ConfigError> {
        self.db(
            "cache",
            &self.cache.mongo_url,
            &self.cache.db,
            &self.cache.coll,
        )
    }

    /// The collection of the TAHOE graph.
    pub fn tahoe_db(&self) -> Result<Db, ConfigError> {
        self.db(
            "tahoe",
            &self.tahoe.mongo_url,
            &self.tahoe.db,
            &self.tahoe.coll,
        )
    }

    /// The collection into which the archive daemon writes raws: the section `archive`, completed by `tahoe`.
    pub fn archive_db(&self) -> Result<Db, ConfigError> {
        let Archive {
            mongo_url,
            db,
            coll,
            ..
        } = &self.archive;
        self.tahoe_or(
            "archive",
            mongo_url.as_ref(),
            db.as_deref(),
            coll.as_deref(),
        )
    }

    /// The collection in which the analytics daemon reads raws and writes the graph: the section `analytics`, completed by
    /// `tahoe`.
    pub fn analytics_db(&self) -> Result<Db, ConfigError> {
        let Analytics {
            mongo_url,
            db,
            coll,
            ..
        } = &self.analytics;
        self.tahoe_or(
            "analytics",
            mongo_url.as_ref(),
            db.as_deref(),
            coll.as_deref(),
        )
    }

    /// The collection of queries and reports.
    pub fn report_db(&self) -> Result<Db, ConfigError> {
        self.db(
            "report",
            &self.report.mongo_url,
            &self.report.db,
            &self.report.coll,
        )
    }

    /// The collection of users and organisations.
    pub fn identity_db(&self) -> Result<Db, ConfigError> {
        self.db(
            "identity",
            &self.identity.mongo_url,
            &self.identity.db,
            &self.identity.coll,
        )
    }

    /// Returns the token that inputs post with.
    pub fn api_token(&self) -> Result<SecretString, ConfigError> {
        self.secret("api.token", &self.api.token)
    }

    /// Returns the secret that tokens are signed with.
    ///
    /// # Errors
    /// If it cannot be read, is the one of the Python system, which everybody knows, or is shorter than 32 bytes: anybody
    /// could make tokens.
    pub fn identity_secret(&self) -> Result<SecretString, ConfigError> {
        const KEY: &str = "identity.secret";
        let secret = self.secret(KEY, &self.identity.secret)?;
        let reason = match secret.expose_secret() {
            "" => "is missing: anybody could make a token".to_owned(),
            KNOWN_SECRET => {
                format!("is \"{KNOWN_SECRET}\", which everybody knows: anybody could make a token")
            }
            short if short.len() < SECRET_BYTES => format!(
                "has {} bytes, and needs {SECRET_BYTES}: it could be guessed",
                short.len()
            ),
            _ => return Ok(secret),
        };
        Err(self.invalid(
            KEY,
            format!(
                "{reason}; `cybexp keygen` makes the file that {KEY}: {{\"file\": \"…\"}} names"
            ),
        ))
    }

    /// Returns the secret that the cookies of the web pages are sealed with, if one is given.
    pub fn web_secret(&self) -> Result<Option<SecretString>, ConfigError> {
        let secret = self.web.secret.as_ref();
        secret
            .map(|secret| self.secret("web.secret", secret))
            .transpose()
    }

    /// Returns the password of the mail server, if one is given.
    pub fn smtp_password(&self) -> Result<Option<SecretString>, ConfigError> {
        let smtp = self.report.smtp.as_ref();
        let password = smtp.and_then(|smtp| smtp.password.as_ref());
        password
            .map(|password| self.secret("report.smtp.password", password))
            .transpose()
    }

    fn tahoe_or(
        &self,
        section: &str,
        url: Option<&Secret>,
        db: Option<&str>,
        coll: Option<&str>,
    ) -> Result<Db, ConfigError> {
        let tahoe = &self.tahoe;
        let (section, url) = url.map_or(("tahoe", &tahoe.mongo_url), |url| (section, url));
        self.db(
            section,
            url,
            db.unwrap_or(&tahoe.db),
            coll.unwrap_or(&tahoe.coll),
        )
    }

    fn db(&self, section: &str, url: &Secret, db: &str, coll: &str) -> Result<Db, ConfigError> {
        let key = format!("{section}.mongo_url");
        let url =
            MongoUrl::new(self.secret(&key, url)?).map_err(|reason| self.invalid(key, reason))?;
        Ok(Db {
            url,
            db: db.to_owned(),
            coll: coll.to_owned(),
        })
    }

    /// Reads a secret in settings that this type does not know, such as a plugin's; `key` is its path in the file.
    pub fn secret_at(&self, key: &str, secret: &Secret) -> Result<SecretString, ConfigError> {
        let mut secret = secret.clone();
        secret.resolve(&self.folder, credentials().as_deref());
        self.secret(key, &secret)
    }

    /// Resolves a path in settings that this type does not know: a relative path is beside the file.
    pub fn path_at(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    fn secret(&self, key: &str, secret: &Secret) -> Result<SecretString, ConfigError> {
        secret.read().map_err(|reason| self.invalid(key, reason))
    }

    /// Makes an error of this configuration; `key` is the path of the key, `reason` the problem with its value.
    pub fn invalid(&self, key: impl Into<String>, reason: impl Into<String>) -> ConfigError {
        ConfigError::Invalid {
            origin: self.origin(),
            key: key.into(),
            reason: reason.into(),
        }
    }

    fn resolve(&mut self, folder: &Path) {
        let folders = [&mut self.input.run_dir, &mut self.input.spool_dir];
        let smtp = self.report.smtp.as_mut();
        let data = self
            .analytics
            .geoip
            .iter_mut()
            .chain(&mut self.report.known_good)
            .chain(smtp.and_then(|smtp| smtp.ca.as_mut()));
        for path in folders.into_iter().chain(data) {
            *path = folder.join(&*path);
        }
        folder.clone_into(&mut self.folder);
        let credentials = credentials();
        for key in [
            &mut self.api.public_key,
            &mut self.archive.private_key,
            &mut self.report.private_key,
        ] {
            *key = locate(key, folder, credentials.as_deref());
        }
        let own = [
            &mut self.archive.mongo_url,
            &mut self.analytics.mongo_url,
            &mut self.web.secret,
        ]
        .into_iter()
        .flatten();
        let smtp = self.report.smtp.as_mut();
        let own = own.chain(smtp.and_then(|smtp| smtp.password.as_mut()));
        for secret in own.chain([
            &mut self.api.token,
            &mut self.cache.mongo_url,
            &mut self.tahoe.mongo_url,
            &mut self.report.mongo_url,
            &mut self.identity.mongo_url,
            &mut self.identity.secret,
        ]) {
            secret.resolve(folder, credentials.as_deref());
        }
    }
}

/// Returns the folder of the credentials that systemd gave to this process.
fn credentials() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}
