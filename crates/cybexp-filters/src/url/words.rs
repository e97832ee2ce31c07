//! Text cut into words. A URL does not reach beyond the end of one.

use std::ops::Range;

/// Returns the words of a text, in order. White space, a quote or an angle bracket ends a word.
///
/// A space around a defanged dot (`evil [.] example`), or right behind `http://`, does not end a word.
pub(super) fn words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text[from..].find(|c| !ends_word(c))?;
        let mut end = start;
        loop {
            end += text[end..].find(ends_word).unwrap_or(text.len() - end);
            match joint(&text[start..end], &text[end..]) {
                Some(length) => end += length,
                None => break,
            }
        }
        from = end;
        Some(start..end)
    })
}

fn ends_word(c: char) -> bool {
    match c {
        '<' | '>' | '"' | '`' | '\0'..=' ' | '\x7f' => true,
        '!'..='~' => false,
        _ => c.is_whitespace() || c.is_control() || "“”„‘’«»‹›「」『』，。、；！？…".contains(c),
    }
}

/// Returns the length of the text at the start of `after` that joins a word with the next one.
fn joint(word: &str, after: &str) -> Option<usize> {
    let next = after.strip_prefix(' ')?;
    let is_scheme = ["://", ":\\\\", "[://]"]
        .iter()
        .any(|end| word.ends_with(end));
    if is_scheme {
        return next.starts_with(is_name).then_some(1);
    }
    if !word.ends_with(is_name) {
        return None;
    }
    let inner = next.strip_prefix(['[', '(', '{'])?;
    let inner = inner.strip_prefix(' ').unwrap_or(inner);
    let inner = match inner.get(..3) {
        Some(dot) if dot.eq_ignore_ascii_case("dot") => &inner[3..],
        _ => inner.strip_prefix('.')?,
    };
    let inner = inner.strip_prefix(' ').unwrap_or(inner);
    let inner = inner.strip_prefix([']', ')', '}'])?;
    let rest = inner.strip_prefix(' ').unwrap_or(inner);
    rest.starts_with(is_name).then(|| after.len() - rest.len())
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_text_into_words() {
        for (text, expected) in [
            ("a b\n\"c\"<d>", &["a", "b", "c", "d"][..]),
            (
                "evil [.] example [dot] org x",
                &["evil [.] example [dot] org", "x"],
            ),
            ("evil [ . ] example", &["evil [ . ] example"]),
            ("http:// evil.example x", &["http:// evil.example", "x"]),
            (
                "a [.] (b) [x] http:// \"c\"",
                &["a", "[.]", "(b)", "[x]", "http://", "c"],
            ),
            (" ", &[]),
            ("é", &["é"]),
        ] {
            let found: Vec<_> = words(text).map(|word| &text[word]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
