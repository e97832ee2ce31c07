//! The question before something that cannot be undone.

use std::io::IsTerminal;

use anyhow::{bail, ensure};
use cybexp_term as term;

use super::usage::Usage;

/// Asks the question at the terminal, unless `yes` answers it. Fails if the person does not agree.
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
