//! The kinds of sources: one file each, and a line in [`PLUGINS`].

mod blocking;
#[cfg(feature = "database")]
mod database;
mod file;
mod http;
mod misp_api;
mod misp_file;
mod openphish;
mod phishtank;
mod source;
mod syslog;
mod websocket;
mod wire;

use cybexp_service::ConfigError;

pub use self::source::{Given, Next, Plugin, Setting, Source};

/// All plugins, by name.
pub const PLUGINS: &[&dyn Plugin] = &[
    &websocket::Websocket,
    &misp_api::MispApi,
    &misp_file::MispFile,
    &openphish::OpenPhish,
    &phishtank::PhishTank,
    &file::File,
    &syslog::Syslog,
    &http::HttpPlugin,
    #[cfg(feature = "database")]
    &database::Database,
];

/// The plugin of this name.
pub fn find(name: &str) -> Option<&'static dyn Plugin> {
    PLUGINS.iter().copied().find(|plugin| plugin.name() == name)
}

/// The plugin that an input names.
///
/// # Errors
/// When there is none of that name, with those that there are.
pub fn find_for(given: &Given<'_>) -> Result<&'static dyn Plugin, ConfigError> {
    let name = &given.input.plugin;
    find(name).ok_or_else(|| {
        let all: Vec<_> = PLUGINS.iter().map(|plugin| plugin.name()).collect();
        let key = format!("input.inputs[{}].plugin", given.input.name);
        let reason = format!("there is no plugin `{name}`; there are {}", all.join(", "));
        given.config.invalid(key, reason)
    })
}
