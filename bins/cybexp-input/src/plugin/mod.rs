//! The kinds of sources: one file each, and a line in [`PLUGINS`].

mod blocking;
#[cfg(feature = "database")]
mod database;
mod file;
mod http;
mod misp_api;
mod misp_file;
mod misp_parts;
mod openphish;
mod phishtank;
mod source;
mod syslog;
mod taxii;
mod websocket;
mod wire;

use cybexp_filters::is_reserved;
use cybexp_service::ConfigError;

pub use self::source::{InputConfig, InputSource, Next, Plugin, Setting};
#[cfg(feature = "fuzzing")]
pub use self::syslog::fuzzing::syslog as fuzz_syslog;

/// All plugins, by name.
pub const PLUGINS: &[&dyn Plugin] = &[
    &websocket::WebsocketPlugin,
    &misp_api::MispApiPlugin,
    &misp_file::MispFilePlugin,
    &openphish::OpenPhishPlugin,
    &phishtank::PhishTankPlugin,
    &file::FilePlugin,
    &syslog::SyslogPlugin,
    &http::HttpPlugin,
    &taxii::TaxiiPlugin,
    #[cfg(feature = "database")]
    &database::DatabasePlugin,
];

/// The plugin of this name.
pub fn find(name: &str) -> Option<&'static dyn Plugin> {
    PLUGINS.iter().copied().find(|plugin| plugin.name() == name)
}

/// The plugin that an input names.
///
/// # Errors
/// When there is none of that name, with those that there are.
pub fn find_for(given: &InputConfig<'_>) -> Result<&'static dyn Plugin, ConfigError> {
    let typetag = &given.input.typetag;
    if is_reserved(typetag) {
        let key = format!("input.inputs[{}].typetag", given.input.name);
        let reason = format!("`{typetag}` is reserved for judgements, which only the API submits");
        return Err(given.config.invalid(key, reason));
    }
    let name = &given.input.plugin;
    find(name).ok_or_else(|| {
        let all: Vec<_> = PLUGINS.iter().map(|plugin| plugin.name()).collect();
        let key = format!("input.inputs[{}].plugin", given.input.name);
        let reason = format!("there is no plugin `{name}`; there are {}", all.join(", "));
        given.config.invalid(key, reason)
    })
}
