//! The command line.

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use cybexp_service::CommonArgs;

use crate::child::ChildArgs;
use crate::commands::Tool;
use crate::demo::DemoArgs;
use crate::up::UpArgs;

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

/// Reads the command line. The second value is true if `--config` itself names the configuration, and not
/// `$CYBEXP_CONFIG`.
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
    /// Run the whole suite on this machine, inputs that the configuration enables included, with a MongoDB of its own unless
    /// the configuration names one
    Up(UpArgs),
    #[command(flatten)]
    Tool(Tool),
    /// Run one daemon as a child of this program
    #[command(hide = true)]
    Daemon(ChildArgs),
}
