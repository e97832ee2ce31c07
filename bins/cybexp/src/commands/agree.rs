//! The question before something that cannot be undone.

use std::io::IsTerminal;

use anyhow::{bail, ensure};
use cybexp_term as term;

use super::usage::Usage;

/// Whether the person agrees: asked for at the terminal, unless `yes` says so already.
pub(super) fn agreed(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        bail!(Usage(format!(
            "{question} Give --yes where nobody can be asked"
        )));
    }
    let question = format!("{} [y/N]", term::line(question));
    anstream::eprint!("{} ", term::wrapped(&question, 0, 0));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    ensure!(
        matches!(answer.trim(), "y" | "Y" | "yes"),
        "nothing was done"
    );
    Ok(())
}
