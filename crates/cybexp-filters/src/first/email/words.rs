//! Text of header fields: folding and encoded words (RFC 2047). Encoded words are decoded wherever they stand, also in
//! quotes and next to other text, as mail programs do.

use super::decode;

/// Returns a field's text in one line, with its encoded words decoded.
pub(super) fn decoded(value: &str) -> String {
    let line = one_line(value);
    let mut text = String::with_capacity(line.len());
    let mut open = Open::default();
    let mut rest = line.as_str();
    // No word can end behind the last `?=`, however many begin there.
    let behind = line.len() - line.rfind("?=").unwrap_or_default();
    while let Some(at) = rest.find("=?").filter(|_| rest.len() > behind) {
        match Word::at(&rest[at..]) {
            Some(word) => {
                // Blanks between two encoded words only fold the line.
                if !(open.is_any() && rest[..at].trim().is_empty()) {
                    open.close(&mut text);
                    text.push_str(&rest[..at]);
                }
                rest = &rest[at + word.length..];
                open.add(word, &mut text);
            }
            None => {
                open.close(&mut text);
                text.push_str(&rest[..at + 2]);
                rest = &rest[at + 2..];
            }
        }
    }
    open.close(&mut text);
    text.push_str(rest);
    one_line(&text).trim().to_owned()
}

/// Replaces line ends and other control characters, and the blanks around them, by one blank.
fn one_line(value: &str) -> String {
    if !value.contains(char::is_control) {
        return value.to_owned();
    }
    let pieces = value.split(char::is_control);
    let pieces = pieces
        .map(|piece| piece.trim_matches(' '))
        .filter(|piece| !piece.is_empty());
    let mut line = String::with_capacity(value.len());
    for piece in pieces {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(piece);
    }
    line
}

/// An encoded word: `=?charset?encoding?text?=`.
struct Word<'a> {
    charset: &'a str,
    bytes: Vec<u8>,
    length: usize,
}

impl<'a> Word<'a> {
    /// Reads the word at the start of a text that begins with `=?`.
    fn at(text: &'a str) -> Option<Self> {
        /// The longest name of a character set in bytes, with some to spare.
        const CHARSET_BYTES: usize = 60;
        let rest = text.get(2..)?;
        let end = rest.bytes().take(CHARSET_BYTES).position(|b| b == b'?')?;
        let (charset, rest) = (&rest[..end], &rest[end + 1..]);
        if charset.is_empty() || !charset.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let (encoding, rest) = rest.split_once('?').filter(|(name, _)| name.len() == 1)?;
        let end = rest.find("?=")?;
        let (encoded, rest) = (&rest[..end], &rest[end + 2..]);
        let bytes = match encoding {
            "b" | "B" => decode::base64(encoded.as_bytes()),
            "q" | "Q" => q(encoded),
            _ => return None,
        };
        // RFC 2231 adds a language: `utf-8*en`.
        let charset = charset.split('*').next().unwrap_or_default();
        let length = text.len() - rest.len();
        Some(Self {
            charset,
            bytes,
            length,
        })
    }
}

/// Decodes the Q encoding (RFC 2047, 4.2).
fn q(encoded: &str) -> Vec<u8> {
    decode::escapes(&encoded.replace('_', " "), b'=')
}

/// Adjacent words in one character set. A character may begin in one and end in the next.
#[derive(Default)]
struct Open<'a> {
    charset: Option<&'a str>,
    bytes: Vec<u8>,
}

impl<'a> Open<'a> {
    fn is_any(&self) -> bool {
        self.charset.is_some()
    }

    fn add(&mut self, word: Word<'a>, text: &mut String) {
        if !self
            .charset
            .is_some_and(|open| open.eq_ignore_ascii_case(word.charset))
        {
            self.close(text);
            self.charset = Some(word.charset);
        }
        self.bytes.extend(word.bytes);
    }

    fn close(&mut self, text: &mut String) {
        if let Some(charset) = self.charset.take() {
            text.push_str(&decode::text(&self.bytes, Some(charset), true));
            self.bytes.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_fields() {
        for (value, expected) in [
            (" plain \r\n\ttext\r\n", "plain text"),
            ("=?utf-8?B?Y2Fmw6k=?=", "café"),
            (
                "=?ISO-8859-1*en?q?caf=E9_au=20lait?= now",
                "café au lait now",
            ),
            // A character in two words; blanks and line ends between words go.
            ("=?utf-8?q?=C3?=\r\n =?UTF-8?q?=A9?= x", "é x"),
            ("=?utf-8?q?a?= =?iso-8859-1?q?=E9?=", "aé"),
            (
                "foo=?utf-8?q?bar?=baz \"=?utf-8?q?qux?=\"",
                "foobarbaz \"qux\"",
            ),
            ("=?gb2312?B?xOO6w6Os?=", "你好，"),
            ("=?utf-8?q?with blanks?=", "with blanks"),
            ("=?utf-8?q?a=0D=0ABcc: x?=", "a Bcc: x"),
            (
                "=?utf-8?x?a?= =??q?a?= =?a b?q?a?=",
                "=?utf-8?x?a?= =??q?a?= =?a b?q?a?=",
            ),
            ("=?utf-8?q?open", "=?utf-8?q?open"),
            ("=?utf-8?q?=?=", "="),
            ("=?utf-8?q?=Z1=?=", "=Z1="),
            ("", ""),
        ] {
            assert_eq!(decoded(value), expected, "{value}");
        }
    }
}
