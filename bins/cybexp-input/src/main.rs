//! The `cybexp-input` daemon, and the command that controls it.

use std::process::ExitCode;

fn main() -> ExitCode {
    cybexp_input::cli::main()
}
