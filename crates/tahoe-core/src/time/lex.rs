//! Cuts a date text into numbers, words, marks and spaces.

/// A piece of a date text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// ASCII digits.
    Number(&'a str),
    /// ASCII letters.
    Word(&'a str),
    /// One character that is none of the others.
    Mark(char),
    /// A run of white space; Unicode's too, for macOS writes `2:00 PM` with a narrow no-break space.
    Space,
}

/// The tokens of `text`, in order.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '0'..='9' => run(rest, |c| c.is_ascii_digit()),
            'a'..='z' | 'A'..='Z' => run(rest, |c| c.is_ascii_alphabetic()),
            _ if first.is_whitespace() => run(rest, char::is_whitespace),
            _ => first.len_utf8(),
        };
        let (piece, after) = rest.split_at(len);
        found.push(match first {
            '0'..='9' => Token::Number(piece),
            'a'..='z' | 'A'..='Z' => Token::Word(piece),
            _ if first.is_whitespace() => Token::Space,
            _ => Token::Mark(first),
        });
        rest = after;
    }
    found
}

/// The length in bytes of the longest prefix of `text` whose characters all `belong`.
fn run(text: &str, belong: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belong(c)).unwrap_or(text.len())
}
