//! `cybexp completions` and `cybexp man`, made from clap's description of the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap_complete::Shell;

#[derive(clap::Args)]
pub(crate) struct Completions {
    /// The shell to print completions for
    shell: Shell,
}

#[derive(clap::Args)]
pub(crate) struct Man {
    /// The folder to write a page for each command into
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

pub(super) fn completions(
    args: &Completions,
    mut command_line: clap::Command,
) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command_line, "cybexp", &mut script);
    print(&script);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(args: &Man, command_line: clap::Command) -> anyhow::Result<ExitCode> {
    match &args.dir {
        Some(folder) => {
            let written = std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(command_line, folder));
            written.with_context(|| folder.display().to_string())?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command_line).render(&mut page)?;
            print(&page);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints text. A reader that is gone, as in `… | head`, is no failure.
fn print(text: &[u8]) {
    anstream::print!("{}", String::from_utf8_lossy(text));
}
