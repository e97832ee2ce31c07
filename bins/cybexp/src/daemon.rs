//! The daemons of the suite by name, and those that a configuration needs.

use clap::ValueEnum;
use cybexp_service::Config;

/// The daemons that this program can run as its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Daemon {
    Input,
    Api,
    Archive,
    Analytics,
    Report,
    Web,
}

impl Daemon {
    /// All daemons in the order in which data walks through them, which is also the order of stopping.
    pub(crate) const ALL: [Self; 6] = [
        Self::Input,
        Self::Api,
        Self::Archive,
        Self::Analytics,
        Self::Report,
        Self::Web,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Input => cybexp_input::NAME,
            Self::Api => cybexp_api::NAME,
            Self::Archive => cybexp_archive::NAME,
            Self::Analytics => cybexp_analytics::NAME,
            Self::Report => cybexp_report::NAME,
            Self::Web => cybexp_web::NAME,
        }
    }
    /// Returns the daemons that this configuration needs: all, but the input daemon only if an input is enabled.
    pub(crate) fn wanted(config: &Config) -> Vec<Self> {
        let collects = config.input.inputs.iter().any(|input| input.enabled);
        let wanted = Self::ALL.into_iter();
        wanted
            .filter(|daemon| *daemon != Self::Input || collects)
            .collect()
    }
}
