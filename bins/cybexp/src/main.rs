//! `cybexp`, the command-line tool of the suite.

mod child;
mod children;
mod cli;
mod commands;
mod daemon;
mod demo;
mod random;
mod tree;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    let (cli::Cli { common, command }, named) = cli::parse();
    match command {
        cli::Command::Demo(args) => demo::main(&args),
        cli::Command::Up(args) => up::main(&args, common, named),
        cli::Command::Tool(tool) => commands::main(tool, &common, cli::command),
        cli::Command::Daemon(args) => child::main(args),
    }
}
