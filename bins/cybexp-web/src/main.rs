//! The `cybexp-web` daemon.

use std::process::ExitCode;

use clap::Parser;
use cybexp_service::{CommonArgs, run_daemon};

/// Serves the web pages for analysts
#[derive(Parser)]
#[command(name = "cybexp-web", version)]
struct Cli {
    #[command(flatten)]
    args: CommonArgs,
}

fn main() -> ExitCode {
    run_daemon(cybexp_web::NAME, Cli::parse().args, cybexp_web::run)
}
