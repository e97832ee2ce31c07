//! The `cybexp-api` daemon.

use std::process::ExitCode;

use clap::Parser;
use cybexp_service::{CommonArgs, run_daemon};

/// Takes submissions and questions over HTTP
#[derive(Parser)]
#[command(name = "cybexp-api", version)]
struct Cli {
    #[command(flatten)]
    args: CommonArgs,
}

fn main() -> ExitCode {
    run_daemon(cybexp_api::NAME, Cli::parse().args, cybexp_api::run)
}
