//! Cuts a date text into numbers, words, marks and spaces.

/// A piece of a date text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateToken<'a> {
    /// ASCII digits.
    Number(&'a str),
    /// ASCII letters.
    Word(&'a str),
    /// One other character.
    Mark(char),
    /// A run of white space, Unicode's too: macOS writes `2:00 PM` with a narrow no-break space.
    Space,
}

/// The tokens of a text, and the position up to which they are read.
#[derive(Default)]
pub(super) struct DateTokens<'a> {
    found: Vec<DateToken<'a>>,
    at: usize,
}

impl<'a> DateTokens<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut found = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (token, len) = match first {
                '0'..='9' => {
                    let digits = prefix(rest, |c| c.is_ascii_digit());
                    (DateToken::Number(digits), digits.len())
                }
                'a'..='z' | 'A'..='Z' => {
                    let letters = prefix(rest, |c| c.is_ascii_alphabetic());
                    (DateToken::Word(letters), letters.len())
                }
                _ if first.is_whitespace() => {
                    (DateToken::Space, prefix(rest, char::is_whitespace).len())
                }
                _ => (DateToken::Mark(first), first.len_utf8()),
            };
            found.push(token);
            rest = &rest[len..];
        }
        Self { found, at: 0 }
    }

    pub(super) fn next(&mut self) -> Option<DateToken<'a>> {
        let token = self.peek(0);
        self.at += 1;
        token
    }

    /// Returns the token behind `ahead` others.
    pub(super) fn peek(&self, ahead: usize) -> Option<DateToken<'a>> {
        self.found.get(self.at + ahead).copied()
    }

    /// Steps over the next token if it is this mark.
    pub(super) fn skip_mark(&mut self, mark: char) -> bool {
        let found = self.peek(0) == Some(DateToken::Mark(mark));
        self.at += usize::from(found);
        found
    }

    /// Takes the next token if it is a number.
    pub(super) fn take_number(&mut self) -> Option<&'a str> {
        let Some(DateToken::Number(digits)) = self.peek(0) else {
            return None;
        };
        self.at += 1;
        Some(digits)
    }
}

/// Returns the longest prefix of `text` whose characters all `belong`.
fn prefix(text: &str, belong: impl Fn(char) -> bool) -> &str {
    text.find(|c| !belong(c)).map_or(text, |end| &text[..end])
}

/// Returns the number of at most four digits.
pub(super) fn small(digits: &str) -> u32 {
    digits
        .bytes()
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}
