//! Texts from files or the standard input.

use std::io::Read;
use std::path::Path;

use anyhow::Context;

/// Reads a file, or the standard input for `-`, without the line end at its end.
pub(super) fn read_line(file: &Path) -> anyhow::Result<String> {
    let text = read_text(file)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads a file, or the standard input for `-`.
pub(super) fn read_text(file: &Path) -> anyhow::Result<String> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    text.with_context(|| file.display().to_string())
}
