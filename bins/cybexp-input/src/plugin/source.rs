//! The interface between plugins and the collector: a kind of source, its settings, and a source as one input uses it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use cybexp_service::config::{InputSpec, Secret};
use cybexp_service::{Config, ConfigError};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::sink::RecordSink;

/// A kind of source.
pub trait Plugin: Sync {
    /// The name by which `plugin` of an input refers to it.
    fn name(&self) -> &'static str;

    /// One line on what the plugin collects.
    fn about(&self) -> &'static str;

    /// The usual typetag of the collected data, for examples.
    fn typetag(&self) -> &'static str;

    /// The settings that the plugin reads.
    fn settings(&self) -> &'static [Setting];

    /// Settings as they could stand in the configuration.
    fn example(&self) -> Value;

    /// The time between two fetches where `period_s` is 0; `None` for what listens all the time.
    fn period(&self) -> Option<Duration>;

    /// Reads the settings. Touches nothing yet.
    ///
    /// # Errors
    /// Names the setting that is missing or wrong.
    fn open(&self, given: &InputConfig<'_>) -> Result<Box<dyn InputSource>, ConfigError>;
}

/// One of the settings of a plugin, for people.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key.
    pub name: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Its meaning and its default.
    pub about: &'static str,
}

/// A source, as one input uses it.
#[async_trait]
pub trait InputSource: Send {
    /// Tries the source without taking anything; says what it found, for people, in a few words.
    async fn check(&mut self) -> anyhow::Result<String>;

    /// Takes what is there; what listens goes on until [`RecordSink::stopping`] resolves, and takes what it has in hand.
    ///
    /// It must call [`RecordSink::reached`] as soon as the source answers. It is called again after the period; after an error
    /// with back-off, and not before the time that [`Later`](cybexp_feed::Later) names. It may be dropped at any `await` five seconds after the
    /// end was asked for, so whatever it must remember goes through [`RecordSink::take`]. After a panic the source is opened anew.
    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next>;
}

/// The time at which a source wants to be fetched again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// After the period.
    Period,
    /// Not before this time, nor before the period: the source said so.
    NotBefore(Duration),
}

/// An input's part of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct InputConfig<'a> {
    /// The input.
    pub input: &'a InputSpec,
    /// The configuration that it is in.
    pub config: &'a Config,
}

impl InputConfig<'_> {
    /// The settings, as this type; it should deny unknown fields.
    ///
    /// # Errors
    /// Names the setting that is missing, unknown or of the wrong type.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let value = Value::Object(self.input.settings.0.clone());
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let key = if path == "." { "" } else { path.as_str() };
            self.wrong(key, error.into_inner().to_string())
        })
    }

    /// An error of the setting `key`.
    pub fn wrong(&self, key: &str, reason: impl Into<String>) -> ConfigError {
        let dot = if key.is_empty() { "" } else { "." };
        let key = format!("input.inputs[{}].settings{dot}{key}", self.input.name);
        self.config.invalid(key, reason)
    }

    /// The secret that the setting `key` names.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn secret(&self, key: &str, secret: &Secret) -> Result<SecretString, ConfigError> {
        let key = format!("input.inputs[{}].settings.{key}", self.input.name);
        self.config.secret_at(&key, secret)
    }

    /// The text that the setting `key` is, or holds: as it is, JSON as its text, or a secret (`{"env": …}`, `{"file": …}`).
    ///
    /// # Errors
    /// When the secret cannot be read, or the value is neither.
    pub fn text(&self, key: &str, value: &Value) -> Result<SecretString, ConfigError> {
        let only = value.as_object().filter(|object| object.len() == 1);
        let secret = only.and_then(|object| match object.iter().next()? {
            (key, Value::String(name)) if key == "env" => Some(Secret::Env(name.clone())),
            (key, Value::String(path)) if key == "file" => Some(Secret::File(path.into())),
            _ => None,
        });
        match (value, secret) {
            (_, Some(secret)) => self.secret(key, &secret),
            (Value::String(text), None) => Ok(text.as_str().into()),
            (Value::Object(_) | Value::Array(_), None) => Ok(value.to_string().into()),
            _ => Err(self.wrong(key, "is neither JSON nor a text")),
        }
    }

    /// A path of the settings: relative ones are beside the configuration file.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.config.path_at(path)
    }
}
