//! Output of the command. A reader may close the pipe early: that is no failure, and no panic.

use std::fmt::Display;
use std::io::{self, Write};

/// Whoever read what is printed has hung up.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads what is printed")]
pub(super) struct OutputClosed;

/// Prints a result.
///
/// # Errors
/// [`OutputClosed`], or why it cannot be written.
pub(super) fn say(text: impl Display) -> anyhow::Result<()> {
    written(writeln!(anstream::stdout(), "{text}"))
}

/// The outcome of printing something.
///
/// # Errors
/// [`OutputClosed`], or why it cannot be written.
pub(super) fn written(outcome: io::Result<()>) -> anyhow::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(OutputClosed.into()),
        outcome => Ok(outcome?),
    }
}

/// Tells a person something beside the result.
pub(super) fn tell(text: impl Display) {
    // there is nobody else to tell
    let _ = writeln!(anstream::stderr(), "{text}");
}
