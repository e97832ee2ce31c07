//! The command line that every program of the suite shares.

use std::path::PathBuf;

use clap::Args;

use crate::config::{LogFormat, LogLevel};

/// Exit status when the work failed.
pub const EXIT_FAILED: u8 = 1;
/// Exit status of wrong usage or configuration; clap exits with the same.
pub const EXIT_USAGE: u8 = 2;

/// Arguments that every program takes.
#[derive(Debug, Clone, Default, Args)]
pub struct CommonArgs {
    /// Configuration file [default: ./config/config.json, else /etc/cybexp/config.json]
    #[arg(
        long,
        short = 'c',
        value_name = "PATH",
        env = "CYBEXP_CONFIG",
        global = true
    )]
    pub config: Option<PathBuf>,

    /// The format of log lines
    #[arg(long, value_enum, global = true)]
    pub log_format: Option<LogFormat>,

    /// The least severe log lines to write; takes precedence over $RUST_LOG and the configuration
    #[arg(long, value_enum, global = true)]
    pub log_level: Option<LogLevel>,
}

/// Arguments of the daemons that work on a queue: archive, analytics, report.
#[derive(Debug, Clone, Default, Args)]
pub struct DaemonArgs {
    /// Arguments that every program takes.
    #[command(flatten)]
    pub common: CommonArgs,

    /// Do all pending work, then exit
    #[arg(long)]
    pub once: bool,
}

impl From<CommonArgs> for DaemonArgs {
    fn from(common: CommonArgs) -> Self {
        Self {
            common,
            once: false,
        }
    }
}
