//! Text of attackers in comments and on lines.

/// The most characters of a comment.
const COMMENT: usize = 200;

/// Whether a character could end a line, turn it around, or act on a terminal.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}'
        )
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// Returns a text for a comment: one line, at most 200 characters, of printable characters.
pub(crate) fn comment(text: &str) -> String {
    let words = text.trim().chars().take(COMMENT);
    words.map(|c| if acts(c) { ' ' } else { c }).collect()
}

/// Returns a text for a comment in ASCII, without quotes, backslashes and what ends a statement in rules.
pub(crate) fn plain_comment(text: &str) -> String {
    let plain = |c: char| match c {
        ' '..='~' if !"\"\\;:|$`'".contains(c) => c,
        _ => ' ',
    };
    comment(text).chars().map(plain).collect()
}

/// Whether a text can stand on a line of its own and is read back as it is.
pub(crate) fn is_line(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(acts)
}
