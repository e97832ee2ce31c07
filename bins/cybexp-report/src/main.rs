//! The `cybexp-report` daemon.

use std::process::ExitCode;

use clap::Parser;
use cybexp_service::{DaemonArgs, run_daemon};

/// Answers queries about the TAHOE graph
#[derive(Parser)]
#[command(name = "cybexp-report", version)]
struct Cli {
    #[command(flatten)]
    args: DaemonArgs,
}

fn main() -> ExitCode {
    run_daemon(cybexp_report::NAME, Cli::parse().args, cybexp_report::run)
}
