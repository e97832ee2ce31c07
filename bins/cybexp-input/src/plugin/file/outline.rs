//! Whether lines are the begin of one JSON text: a tool that indents writes a record over several of them.

/// A record that is nested deeper is read line by line.
const DEPTH: usize = 64;

/// An object or list, as far as it was read. Follows its brackets, strings and commas; whether it is JSON in all else is for
/// a parser to say.
#[derive(Debug, Clone)]
pub(super) struct Outline {
    /// The brackets that are open.
    open: Vec<u8>,
    next: Next,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// Or the end of the list, or a key or the end of the object, which has just begun.
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
    /// It is complete.
    End,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It goes on in the next line.
    Open,
    /// The object or list is complete.
    Complete,
    /// It is none.
    Broken,
}

impl Outline {
    /// Of a text that begins with this line; `None` if that cannot be.
    pub(super) fn begin(line: &[u8]) -> Option<Self> {
        let begins = matches!(line.trim_ascii_start().first(), Some(b'{' | b'['));
        begins.then(|| Self {
            open: Vec::new(),
            next: Next::Value,
        })
    }

    /// Reads one more line, without its end.
    pub(super) fn read(&mut self, line: &[u8]) -> Progress {
        let mut rest = line;
        while let [byte, after @ ..] = rest {
            if self.step(*byte).is_none() {
                return Progress::Broken;
            }
            rest = after;
            if let Next::Text { escaped: false, .. } = self.next {
                let plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | 0..b' ');
                rest = &rest[rest.iter().take_while(plain).count()..];
            }
        }
        if self.step(b'\n').is_none() {
            return Progress::Broken;
        }
        match self.next {
            Next::End => Progress::Complete,
            _ => Progress::Open,
        }
    }

    /// `None`: this byte cannot stand here.
    fn step(&mut self, byte: u8) -> Option<()> {
        self.next = match (self.next, byte) {
            (Next::Text { key, escaped: true }, b' '..) => Next::Text {
                key,
                escaped: false,
            },
            (Next::Text { key: true, .. }, b'"') => Next::Colon,
            (Next::Text { .. }, b'"') => Next::Comma,
            (Next::Text { key, .. }, b'\\') => Next::Text { key, escaped: true },
            (next @ Next::Text { .. }, b' '.. | b'\t') => next,
            (Next::Text { .. }, _) => return None,
            (Next::Word, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.') => Next::Word,
            (Next::Word, b' ' | b'\t' | b'\r' | b'\n') => Next::Comma,
            (next, b' ' | b'\t' | b'\r' | b'\n') => next,
            (Next::Value | Next::First, b'{' | b'[') if !self.wants_key() => {
                self.open.push(byte);
                (self.open.len() <= DEPTH).then_some(Next::First)?
            }
            (Next::First, b'"') if self.wants_key() => Next::Text {
                key: true,
                escaped: false,
            },
            (Next::Key, b'"') => Next::Text {
                key: true,
                escaped: false,
            },
            (Next::Colon, b':') => Next::Value,
            (Next::Value, b'"') | (Next::First, b'"') => Next::Text {
                key: false,
                escaped: false,
            },
            (Next::Value | Next::First, b'0'..=b'9' | b'-' | b't' | b'f' | b'n')
                if !self.open.is_empty() && !self.wants_key() =>
            {
                Next::Word
            }
            (Next::Comma | Next::Word, b',') => match self.open.last()? {
                b'{' => Next::Key,
                _ => Next::Value,
            },
            (Next::First | Next::Comma | Next::Word, b'}' | b']') => {
                // in ASCII the brackets of a pair are two apart
                (self.open.pop()? + 2 == byte).then_some(())?;
                match self.open.is_empty() {
                    true => Next::End,
                    false => Next::Comma,
                }
            }
            _ => return None,
        };
        Some(())
    }

    /// Whether an object has just begun.
    fn wants_key(&self) -> bool {
        self.next == Next::First && self.open.last() == Some(&b'{')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Progress {
        let Some(mut outline) = Outline::begin(text.as_bytes()) else {
            return Progress::Broken;
        };
        let mut progress = Progress::Open;
        for line in text.split('\n') {
            progress = outline.read(line.as_bytes());
            if progress == Progress::Broken {
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
            assert_eq!(of(complete), Progress::Complete, "{complete}");
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
            assert_eq!(of(open), Progress::Open, "{open}");
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
            assert_eq!(of(broken), Progress::Broken, "{broken}");
        }
        assert_eq!(of(&"[".repeat(DEPTH)), Progress::Open);
        assert_eq!(of(&"[".repeat(DEPTH + 1)), Progress::Broken);
    }
}
