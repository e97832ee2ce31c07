//! The `cybexp-analytics` daemon.

use std::process::ExitCode;

use clap::Parser;
use cybexp_service::{DaemonArgs, run_daemon};

/// Turns raws into the TAHOE graph
#[derive(Parser)]
#[command(name = "cybexp-analytics", version)]
struct Cli {
    #[command(flatten)]
    args: DaemonArgs,
}

fn main() -> ExitCode {
    run_daemon(
        cybexp_analytics::NAME,
        Cli::parse().args,
        cybexp_analytics::run,
    )
}
