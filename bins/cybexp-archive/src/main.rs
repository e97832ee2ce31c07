//! The `cybexp-archive` daemon.

use std::process::ExitCode;

use clap::Parser;
use cybexp_service::{DaemonArgs, run_daemon};

/// Opens sealed submissions and stores them as raws
#[derive(Parser)]
#[command(name = "cybexp-archive", version)]
struct Cli {
    #[command(flatten)]
    args: DaemonArgs,
}

fn main() -> ExitCode {
    run_daemon(cybexp_archive::NAME, Cli::parse().args, cybexp_archive::run)
}
