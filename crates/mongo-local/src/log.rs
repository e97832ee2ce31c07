//! What mongod's log says about its end.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

const LINES: usize = 10;

/// The last lines since `start` that are not mere information, for a failing mongod ends its log with a page about
/// shutting down; if there are none, the last lines.
pub(crate) fn last_lines(log: &Path, start: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(start))?;
        file.read_to_end(&mut bytes)
    });
    if let Err(e) = read {
        return format!("(cannot read {}: {e})", log.display());
    }
    let text = String::from_utf8_lossy(&bytes);
    let serious: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains(r#""s":"I""#))
        .collect();
    let lines = if serious.is_empty() {
        text.lines().collect()
    } else {
        serious
    };
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
