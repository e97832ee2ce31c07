//! Output for terminals: styles, tables, and escapes that keep an attacker's values from acting on the terminal.

mod layout;

pub use layout::{date, id, time, width, wrapped};

use anstyle::{AnsiColor, Style};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::Value;

/// The style of titles.
pub const BOLD: Style = Style::new().bold();
/// The style of secondary text.
pub const DIM: Style = Style::new().dimmed();
/// The style of success.
pub const GREEN: Style = AnsiColor::Green.on_default();
/// The style of failure.
pub const RED: Style = AnsiColor::Red.on_default();
/// The style of warnings.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
/// The style of values.
pub const CYAN: Style = AnsiColor::Cyan.on_default();

/// The most characters that are shown of a value among others.
const WIDTH: usize = 64;

/// Makes a table with this header, at most as wide as the terminal. Without a terminal it is as wide as its content.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    if let Some(width) = width() {
        table.set_width(width);
    }
    table
}

/// Aligns a column to the right, for numbers.
pub fn align_right(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// Returns a text on one line, escaped, and cut if it is long.
pub fn short(text: &str) -> String {
    let mut shown = safe(text.chars().take(WIDTH));
    if text.chars().nth(WIDTH).is_some() {
        shown.push('…');
    }
    shown
}

/// Returns a whole text on one line, escaped.
pub fn line(text: &str) -> String {
    safe(text.chars())
}

/// Returns a value on one line: text as it is, anything else as JSON; escaped.
pub fn value(value: &Value) -> String {
    match value.as_str() {
        Some(text) => short(text),
        None => short(&value.to_string()),
    }
}

/// Returns JSON on many lines. The escapes do not change its meaning, for the escaped characters occur in strings only.
pub fn json(value: &Value) -> String {
    let text = format!("{value:#}");
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && acts(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

fn safe(text: impl Iterator<Item = char>) -> String {
    let mut shown = String::new();
    for c in text {
        match acts(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// Returns true for control characters, and those that reorder or hide their neighbours.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns an error with its causes, each once: many errors repeat their cause in their text.
pub fn told(error: &anyhow::Error) -> String {
    let causes = error.chain().map(ToString::to_string);
    causes.fold(String::new(), |told, cause| {
        match (told.is_empty(), told.contains(&cause)) {
            (true, _) => cause,
            (_, true) => told,
            (_, false) => format!("{told}: {cause}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        assert_eq!(
            short("\u{1b}[2J\r\n\u{7f}\u{9b}31m"),
            "\\u{1b}[2J\\r\\n\\u{7f}\\u{9b}31m"
        );
        assert_eq!(line("user\u{202e}txt.exe"), "user\\u{202e}txt.exe");
        assert_eq!(
            short("plain, \"quoted\", Ünï 漢字"),
            "plain, \"quoted\", Ünï 漢字"
        );
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(short(&"x".repeat(WIDTH)), "x".repeat(WIDTH));
        assert_eq!(
            short(&"x".repeat(WIDTH + 1)),
            format!("{}…", "x".repeat(WIDTH))
        );
        assert_eq!(line(&"x".repeat(200)).len(), 200);
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let hostile =
            json!({"a\u{9b}": ["\u{202e}", "\u{1b}[0m", "\u{e0041}", "line\nline"], "b": 1.0});
        let shown = super::json(&hostile);
        assert!(!shown.chars().any(|c| c != '\n' && acts(c)), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), hostile);
    }
}
