//! The command line.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use cybexp_service::{CommonArgs, Config, DaemonArgs};

use crate::commands::Tool;

/// CYBEX-P: from raw threat data to one graph, and answers from it
#[derive(Parser)]
#[command(name = "cybexp", version)]
pub(crate) struct Cli {
    #[command(flatten, next_help_heading = "Options of every command")]
    pub(crate) common: CommonArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The description of the command line. Unlike the daemons, this program also finds the configuration of `up`.
pub(crate) fn command() -> clap::Command {
    Cli::command().mut_arg("config", |config| {
        config.help(
            "Configuration file [default: that of a running `cybexp up`, else ./config/config.json, \
             /etc/cybexp/config.json, that in the folder of `up`]",
        )
    })
}

/// Reads the command line, and whether it names the configuration itself: `$CYBEXP_CONFIG` comes in as `--config`, too.
pub(crate) fn parse() -> (Cli, bool) {
    let matches = command().get_matches();
    let named =
        |matches: &ArgMatches| matches.value_source("config") == Some(ValueSource::CommandLine);
    let sub = matches.subcommand().is_some_and(|(_, sub)| named(sub));
    let named = sub || named(&matches);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    (cli, named)
}

#[derive(Subcommand)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one in all, and it is read once"
)]
pub(crate) enum Command {
    /// Show the whole suite at work on sample data, on a MongoDB of its own that vanishes afterwards
    Demo(DemoArgs),
    /// Run the whole suite on this machine, with a MongoDB of its own unless the configuration names one; inputs that the
    /// configuration enables are collected from
    Up(crate::up::UpArgs),
    #[command(flatten)]
    Tool(Tool),
    /// Run one daemon as a child of this program
    #[command(hide = true)]
    Daemon(ChildArgs),
}

#[derive(Args)]
pub(crate) struct DemoArgs {
    /// Exit when everything was shown, instead of staying up until Ctrl-C
    #[arg(long)]
    pub(crate) exit: bool,
}

#[derive(Args)]
pub(crate) struct ChildArgs {
    /// Which daemon
    pub(crate) which: Daemon,
    #[command(flatten)]
    pub(crate) args: DaemonArgs,
}

/// The daemons that this program can run as its children.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Daemon {
    Input,
    Api,
    Archive,
    Analytics,
    Report,
}

impl Daemon {
    /// In the order in which data walks through them, which is also the order of stopping.
    pub(crate) const ALL: [Self; 5] = [
        Self::Input,
        Self::Api,
        Self::Archive,
        Self::Analytics,
        Self::Report,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Input => cybexp_input::NAME,
            Self::Api => cybexp_api::NAME,
            Self::Archive => cybexp_archive::NAME,
            Self::Analytics => cybexp_analytics::NAME,
            Self::Report => cybexp_report::NAME,
        }
    }
    /// Those that this configuration gives something to do.
    pub(crate) fn wanted(config: &Config) -> Vec<Self> {
        let collects = config.input.inputs.iter().any(|input| input.enabled);
        let wanted = Self::ALL.into_iter();
        wanted
            .filter(|daemon| *daemon != Self::Input || collects)
            .collect()
    }
}
