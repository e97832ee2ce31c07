//! Whether lines are the begin of one JSON text: a tool that indents writes a record over several of them.

/// A record that is nested deeper is read line by line.
const DEPTH: usize = 64;

/// An object or list, as far as it was read. Follows its brackets, strings and commas; whether it is JSON in all else is for
/// a parser to say.
#[derive(Debug, Clone)]
pub(super) struct Outline {
    /// The brackets that are open.
    open: Vec<u8>,
    next: NextToken,
}

/// The token that may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextToken {
    Value,
    /// A value or the end of the list, or a key or the end of the object, which has just begun.
    First,
    Key,
    Colon,
    /// A comma, or the end of what is open.
    Comma,
    /// More of a string; it is a key, and its next byte is escaped.
    Text {
        key: bool,
        escaped: bool,
    },
    /// More of a number, `true`, `false` or `null`.
    Word,
    /// The text is complete.
    End,
}

/// How far the text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutlineProgress {
    /// It goes on in the next line.
    Open,
    /// The object or list is complete.
    Complete,
    /// The text is no JSON.
    Broken,
}

impl Outline {
    /// Begins with the first line of a text; `None` if no object or list begins there.
    pub(super) fn begin(line: &[u8]) -> Option<Self> {
        let begins = matches!(line.trim_ascii_start().first(), Some(b'{' | b'['));
        begins.then(|| Self {
            open: Vec::new(),
            next: NextToken::Value,
        })
    }

    /// Reads one more line, without its end.
    pub(super) fn read(&mut self, line: &[u8]) -> OutlineProgress {
        let mut rest = line;
        while let [byte, after @ ..] = rest {
            if self.step(*byte).is_none() {
                return OutlineProgress::Broken;
            }
            rest = after;
            if let NextToken::Text { escaped: false, .. } = self.next {
                let plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | 0..b' ');
                rest = &rest[rest.iter().take_while(plain).count()..];
            }
        }
        if self.step(b'\n').is_none() {
            return OutlineProgress::Broken;
        }
        match self.next {
            NextToken::End => OutlineProgress::Complete,
            _ => OutlineProgress::Open,
        }
    }

    /// `None`: this byte cannot stand here.
    fn step(&mut self, byte: u8) -> Option<()> {
        self.next = match (self.next, byte) {
            (NextToken::Text { key, escaped: true }, b' '..) => NextToken::Text {
                key,
                escaped: false,
            },
            (NextToken::Text { key: true, .. }, b'"') => NextToken::Colon,
            (NextToken::Text { .. }, b'"') => NextToken::Comma,
            (NextToken::Text { key, .. }, b'\\') => NextToken::Text { key, escaped: true },
            (next @ NextToken::Text { .. }, b' '.. | b'\t') => next,
            (NextToken::Text { .. }, _) => return None,
            (NextToken::Word, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.') => {
                NextToken::Word
            }
            (NextToken::Word, b' ' | b'\t' | b'\r' | b'\n') => NextToken::Comma,
            (next, b' ' | b'\t' | b'\r' | b'\n') => next,
            (NextToken::Value | NextToken::First, b'{' | b'[') if !self.wants_key() => {
                self.open.push(byte);
                (self.open.len() <= DEPTH).then_some(NextToken::First)?
            }
            (NextToken::First, b'"') if self.wants_key() => NextToken::Text {
                key: true,
                escaped: false,
            },
            (NextToken::Key, b'"') => NextToken::Text {
                key: true,
                escaped: false,
            },
            (NextToken::Colon, b':') => NextToken::Value,
            (NextToken::Value, b'"') | (NextToken::First, b'"') => NextToken::Text {
                key: false,
                escaped: false,
            },
            (NextToken::Value | NextToken::First, b'0'..=b'9' | b'-' | b't' | b'f' | b'n')
                if !self.open.is_empty() && !self.wants_key() =>
            {
                NextToken::Word
            }
            (NextToken::Comma | NextToken::Word, b',') => match self.open.last()? {
                b'{' => NextToken::Key,
                _ => NextToken::Value,
            },
            (NextToken::First | NextToken::Comma | NextToken::Word, b'}' | b']') => {
                // in ASCII the brackets of a pair are two apart
                (self.open.pop()? + 2 == byte).then_some(())?;
                match self.open.is_empty() {
                    true => NextToken::End,
                    false => NextToken::Comma,
                }
            }
            _ => return None,
        };
        Some(())
    }

    /// Whether an object has just begun.
    fn wants_key(&self) -> bool {
        self.next == NextToken::First && self.open.last() == Some(&b'{')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> OutlineProgress {
        let Some(mut outline) = Outline::begin(text.as_bytes()) else {
            return OutlineProgress::Broken;
        };
        let mut progress = OutlineProgress::Open;
        for line in text.split('\n') {
            progress = outline.read(line.as_bytes());
            if progress == OutlineProgress::Broken {
                break;
            }
        }
        progress
    }

    #[test]
    fn lines_of_one_text() {
        for complete in [
            "{}",
            " [ ] ",
            "{\n \"a\": \"x\\\"}\",\r\n \"b\": [1, -2.5e+3, true, null, {\"c\": []}]\n}",
            "[\n{\n},\n\"é\",\n0\n]",
        ] {
            assert_eq!(of(complete), OutlineProgress::Complete, "{complete}");
        }
        for open in [
            "{",
            "[",
            "[1,",
            "{\n\"a\"",
            "{\"a\":",
            "{\"a\": {\"b\": 1}",
            "[[1]",
        ] {
            assert_eq!(of(open), OutlineProgress::Open, "{open}");
        }
        for broken in [
            "text",
            "\"text\"",
            "1",
            "[WARN",
            "[2026-11-21 10:00:00",
            "[error] text",
            "{\n{\"a\": 1}",
            "{\"a\": 1,\n{",
            "{\"a\": \"x\ny\"}",
            "{]",
            "[}",
            "{\"a\" 1}",
            "{\"a\": }",
            "{1}",
            "{\"a\",",
            "[1] [2]",
            "[1\n2]",
            "{}{}",
        ] {
            assert_eq!(of(broken), OutlineProgress::Broken, "{broken}");
        }
        assert_eq!(of(&"[".repeat(DEPTH)), OutlineProgress::Open);
        assert_eq!(of(&"[".repeat(DEPTH + 1)), OutlineProgress::Broken);
    }
}
