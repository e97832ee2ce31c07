//! Fits output to the width of the terminal.

use chrono::DateTime;
use comfy_table::Table;

/// The width in columns below which a hash is cut, for it leaves no room beside it.
const WIDE: u16 = 120;
/// The number of characters that tell a hash from others.
const HASH: usize = 12;
/// The least width in columns; a narrower terminal is treated as one of this width.
const NARROWEST: u16 = 40;

/// Returns the width of the output in columns: `$COLUMNS`, else that of the terminal. `None` for a file or pipe.
pub fn width() -> Option<u16> {
    let given = std::env::var("COLUMNS").ok();
    let given = given.and_then(|columns| columns.parse().ok());
    let width = given.or_else(|| Table::new().width())?;
    (width > 0).then_some(width.max(NARROWEST))
}

/// Returns a hash or a long id, cut if the terminal is narrow.
pub fn id(text: &str) -> String {
    match width() {
        Some(width) if width < WIDE => cut(text),
        _ => text.to_owned(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(HASH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns Unix seconds as `2026-11-27 03:10`, UTC. A number outside of the years 1970 to 9999 is returned as it is.
pub fn time(seconds: f64) -> String {
    // from 1970 to 9999
    let written = (0.0..253_402_300_800.0).contains(&seconds);
    let time = written.then(|| DateTime::from_timestamp(seconds as i64, 0));
    match time.flatten() {
        Some(time) => time.format("%Y-%m-%d %H:%M").to_string(),
        None => seconds.to_string(),
    }
}

/// Returns the day of [`time`], for narrow columns.
pub fn date(seconds: f64) -> String {
    let time = time(seconds);
    time.split(' ').next().unwrap_or_default().to_owned()
}

/// Breaks a text between words into lines that fit the output. Lines after the first begin with `indent` spaces. A word that
/// is longer than a line gets a line of its own. `first` is the number of columns in use before the text.
pub fn wrapped(text: &str, first: usize, indent: usize) -> String {
    match width() {
        Some(width) => fold(text, usize::from(width), first, indent),
        None => text.to_owned(),
    }
}

fn fold(text: &str, width: usize, first: usize, indent: usize) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut column = first;
    for (n, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if n > 0 && column + 1 + length > width {
            folded.push('\n');
            folded.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if n > 0 {
            folded.push(' ');
            column += 1;
        }
        folded.push_str(word);
        column += length;
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_by_people() {
        for (seconds, text) in [
            (0.0, "1970-01-01 00:00"),
            (951_782_399.9, "2000-02-28 23:59"),
            (951_782_400.0, "2000-02-29 00:00"),
            (1_709_251_199.0, "2024-02-29 23:59"),
            (1_795_748_999.0, "2026-11-27 03:09"),
            (4_107_542_400.0, "2100-03-01 00:00"),
            (253_402_300_799.0, "9999-12-31 23:59"),
            (-1.0, "-1"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(time(seconds), text);
            assert_eq!(Some(&*date(seconds)), text.split(' ').next());
        }
    }

    #[test]
    fn words_are_kept_whole() {
        assert_eq!(fold("one two three", 9, 2, 2), "one two\n  three");
        assert_eq!(
            fold("a muchtoolongword b", 6, 0, 1),
            "a\n muchtoolongword\n b"
        );
        assert_eq!(fold("", 9, 0, 2), "");
    }

    #[test]
    fn a_hash_is_cut_and_a_name_is_not() {
        assert_eq!(cut(&"ab".repeat(32)), "abababababab…");
        assert_eq!(cut("home"), "home");
    }
}
