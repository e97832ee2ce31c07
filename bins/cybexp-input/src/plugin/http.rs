//! Any HTTP API that answers with JSON or text.

mod identity;
mod pages;
mod settings;
mod source;

use std::time::Duration;

use cybexp_service::ConfigError;
use serde_json::{Value, json};

use self::settings::HttpSettings;
use crate::plugin::source::{InputConfig, InputSource, Plugin, Setting};

/// The plugin.
#[derive(Debug)]
pub(super) struct HttpPlugin;

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
        settings::ALL
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

    fn open(&self, given: &InputConfig<'_>) -> Result<Box<dyn InputSource>, ConfigError> {
        let settings: HttpSettings = given.settings()?;
        Ok(Box::new(settings.source(given)?))
    }
}
