//! Texts that attackers may have chosen. They are shown as text that cannot act: no markup, no control character, no change
//! of the direction of what stands around them, no more than fits.

use maud::{Markup, html};

/// The most characters of a value in a line of a table.
const LINE_CHARS: usize = 160;
/// The most characters of a value that has a page or a block of its own.
const BLOCK_CHARS: usize = 4000;

/// Shows a text in a line, cut where it is long.
pub(crate) fn line(text: &str) -> Markup {
    isolated(text, LINE_CHARS, false)
}

/// Shows the first characters of a text in a line, where there is room for no more.
pub(crate) fn short(text: &str, chars: usize) -> Markup {
    let (shown, left) = cut(text, chars);
    html! { bdi { (visible(shown, false)) @if left > 0 { "…" } } }
}

/// Shows a text in a block, with its line ends, cut where it is very long.
pub(crate) fn block(text: &str) -> Markup {
    isolated(text, BLOCK_CHARS, true)
}

/// Shows the first characters of a text in a block, with its line ends.
pub(crate) fn long(text: &str, chars: usize) -> Markup {
    isolated(text, chars, true)
}

/// Returns the beginning of a text for a place where there can be no markup, such as a title.
pub(crate) fn plain(text: &str, chars: usize) -> String {
    let mut plain: String = text
        .chars()
        .take(chars)
        .map(|c| if acts(c) { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(chars).is_some() {
        plain.push('…');
    }
    plain
}

/// Returns true if the text holds characters that are not shown as themselves.
pub(crate) fn is_odd(text: &str) -> bool {
    text.chars().any(acts)
}

fn isolated(text: &str, chars: usize, lines: bool) -> Markup {
    let (shown, left) = cut(text, chars);
    html! {
        bdi { (visible(shown, lines)) }
        @if left > 0 {
            span.cut title="The rest is not shown here" { "… " (super::number::grouped(left as u64)) " more characters" }
        }
    }
}

/// Returns the first `chars` characters, and the number of the others.
fn cut(text: &str, chars: usize) -> (&str, usize) {
    match text.char_indices().nth(chars) {
        Some((end, _)) => (&text[..end], text[end..].chars().count()),
        None => (text, 0),
    }
}

/// Replaces characters that act by their names.
fn visible(text: &str, lines: bool) -> Markup {
    let acts = |c: char| acts(c) && !(lines && matches!(c, '\n' | '\t'));
    let mut parts: Vec<(String, Option<char>)> = vec![(String::new(), None)];
    for c in text.chars() {
        match acts(c) {
            true => parts.push((String::new(), Some(c))),
            false => match parts.last_mut() {
                Some((plain, None)) => plain.push(c),
                _ => parts.push((c.to_string(), None)),
            },
        }
    }
    html! {
        @for (plain, acting) in parts {
            @match acting {
                Some(c) => { span.ctl title="A character that is not shown as itself" { (name(c)) } }
                None => { (plain) }
            }
        }
    }
}

/// Returns true for characters that change what is around them, or cannot be seen: controls, and those that the Unicode
/// standard calls format characters and separators of lines.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn name(c: char) -> String {
    match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c => format!("U+{:04X}", u32::from(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        let shown = line("<script>alert(1)</script> & \"quotes\"").into_string();
        assert!(!shown.contains("<script"), "{shown}");
        assert!(
            shown.contains("&lt;script&gt;") && shown.contains("&amp;"),
            "{shown}"
        );
    }

    #[test]
    fn what_acts_is_named() {
        let shown = line("a\u{202e}b\u{0}c\nd\u{1b}[31m").into_string();
        for name in ["U+202E", "U+0000", "\\n", "U+001B"] {
            assert!(shown.contains(name), "{shown}");
        }
        assert!(
            !shown.contains(['\u{202e}', '\u{0}', '\n', '\u{1b}']),
            "{shown}"
        );
        assert!(shown.starts_with("<bdi"), "{shown}");
        assert!(block("a\nb").into_string().contains("a\nb"));
        assert!(is_odd("a\u{200b}b") && !is_odd("añ日本"));
    }

    #[test]
    fn what_acts_is_named_in_a_short_text_too() {
        let shown = short("ab\u{202e}cdef", 4).into_string();
        assert!(shown.contains("U+202E") && shown.contains("c…"), "{shown}");
        assert!(!shown.contains(['\u{202e}', '\u{fffd}']), "{shown}");
    }

    #[test]
    fn a_megabyte_is_cut() {
        let shown = line(&"x".repeat(1 << 20)).into_string();
        assert!(shown.len() < 1000);
        assert!(shown.contains("1,048,416 more characters"), "{shown}");
        assert!(block(&"ü".repeat(1 << 20)).into_string().len() < 10_000);
        assert_eq!(plain("abc", 2), "ab…");
        assert_eq!(plain("ab\n", 5), "ab\u{fffd}");
    }
}
