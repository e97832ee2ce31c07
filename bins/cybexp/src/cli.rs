//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use cybexp_service::DaemonArgs;

/// CYBEX-P: from raw threat data to one graph, and answers from it
#[derive(Parser)]
#[command(name = "cybexp", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the whole suite at work on sample data, on a MongoDB of its own that vanishes afterwards
    Demo(DemoArgs),
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
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Daemon {
    Archive,
    Analytics,
    Report,
}

impl Daemon {
    /// In the order in which data walks through them, which is also the order of stopping.
    pub(crate) const ALL: [Self; 3] = [Self::Archive, Self::Analytics, Self::Report];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Archive => cybexp_archive::NAME,
            Self::Analytics => cybexp_analytics::NAME,
            Self::Report => cybexp_report::NAME,
        }
    }
}
