//! `websocket`: the messages of a websocket server.
//!
//! A websocket knows no acknowledgement, but it has one: a ping of the server is answered only when all that came before it
//! is on disk. A server that pings after what it sent, and sends again what came after the last pong, loses nothing.

mod connect;
mod frames;
mod head;
mod listener;
mod message;
mod settings;

use std::time::Duration;

use cybexp_service::ConfigError;
use serde_json::{Value, json};

use crate::plugin::source::{InputConfig, InputSource, Plugin, Setting};

/// The plugin.
pub(super) struct WebsocketPlugin;

impl Plugin for WebsocketPlugin {
    fn name(&self) -> &'static str {
        "websocket"
    }

    fn about(&self) -> &'static str {
        "the JSON or text messages of a websocket server, such as Logstash"
    }

    fn typetag(&self) -> &'static str {
        "cowrie"
    }

    fn settings(&self) -> &'static [Setting] {
        settings::ALL
    }

    fn example(&self) -> Value {
        json!({"url": "wss://logs.example.org/events", "headers": {"authorization": {"env": "LOGS_TOKEN"}}})
    }

    fn period(&self) -> Option<Duration> {
        None
    }

    fn open(&self, given: &InputConfig<'_>) -> Result<Box<dyn InputSource>, ConfigError> {
        let settings: settings::WebsocketSettings = given.settings()?;
        Ok(Box::new(settings.listener(given)?))
    }
}
