//! What the command prints. Whoever reads it may have heard enough: a closed pipe is no failure, and no panic.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints a result.
///
/// # Errors
/// When it cannot be written; [`is_closed`] tells whether somebody hung up.
pub(super) fn say(text: impl Display) -> io::Result<()> {
    writeln!(anstream::stdout(), "{text}")
}

/// Tells a person something beside the result.
pub(super) fn tell(text: impl Display) {
    // there is nobody else to tell
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Whether this error is that nobody reads on.
pub(super) fn is_closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    })
}
