//! The person's tool.

mod cli;
mod daemon;
mod demo;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().command {
        cli::Command::Demo(args) => demo::main(&args),
        cli::Command::Daemon(args) => daemon::main(args),
    }
}
