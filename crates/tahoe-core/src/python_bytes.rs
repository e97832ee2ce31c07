//! Python bytes literals, as the Python API stores a query's sealed text: `b'…\x12…'`.
//!
//! The Python system evaluated the stored text as code, so that anyone who could write a query could run code. Here the
//! text is parsed, by the grammar of <https://docs.python.org/3/reference/lexical_analysis.html>.

/// The reason why a text is no bytes literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LiteralError {
    /// The text is not of the form `b'…'` or `b"…"`.
    #[error("not a bytes literal")]
    NotALiteral,
    /// A character that must be escaped, at this byte of the text.
    #[error("the bytes literal holds a character that is no byte, at {0}")]
    Character(usize),
    /// An escape that is cut off or not hex, at this byte of the text.
    #[error("the bytes literal has a wrong escape at {0}")]
    Escape(usize),
}

/// Whether `text` begins like a bytes literal.
pub fn is_literal(text: &str) -> bool {
    text.starts_with("b'") || text.starts_with("b\"")
}

/// Returns the bytes of the literal.
///
/// ```
/// use tahoe_core::python_bytes::{literal, parse};
///
/// assert_eq!(parse("b'a\\x00\\n'"), Ok(b"a\x00\n".to_vec()));
/// assert_eq!(literal(b"it's"), r"b'it\'s'");
/// ```
pub fn parse(text: &str) -> Result<Vec<u8>, LiteralError> {
    let quote = match text.as_bytes() {
        [b'b', quote @ (b'\'' | b'"'), .., last] if quote == last && text.len() > 2 => *quote,
        _ => return Err(LiteralError::NotALiteral),
    };
    let end = text.len() - 1;
    let bytes = &text.as_bytes()[..end];
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 2;
    while at < end {
        match bytes[at] {
            b'\\' => {
                let (byte, length) = escape(&bytes[at..]).ok_or(LiteralError::Escape(at))?;
                out.extend(byte);
                at += length;
            }
            byte if byte == quote || !byte.is_ascii() || byte == b'\n' => {
                return Err(LiteralError::Character(at));
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Ok(out)
}

/// Returns the literal of these bytes, as Python's `repr` writes it but always in single quotes.
pub fn literal(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2 + 3);
    out.push_str("b'");
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\'' => out.push_str("\\'"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('\'');
    out
}

/// Reads the escape at the start of `bytes`, and returns its bytes and its length. An unknown escape stands for itself.
fn escape(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let simple = |byte: u8| Some((vec![byte], 2));
    match *bytes.get(1)? {
        b'\n' => Some((vec![], 2)),
        b'\\' => simple(b'\\'),
        b'\'' => simple(b'\''),
        b'"' => simple(b'"'),
        b'a' => simple(7),
        b'b' => simple(8),
        b'f' => simple(12),
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'v' => simple(11),
        b'x' => {
            let digits = bytes.get(2..4)?;
            let mut byte = [0];
            hex::decode_to_slice(digits, &mut byte).ok()?;
            Some((byte.to_vec(), 4))
        }
        b'0'..=b'7' => {
            let digits = bytes[1..].iter().take(3);
            let digits: Vec<u32> = digits.map_while(|b| char::from(*b).to_digit(8)).collect();
            let value = digits.iter().fold(0, |value, digit| value * 8 + digit);
            Some((vec![u8::try_from(value).ok()?], 1 + digits.len()))
        }
        other if other.is_ascii() => Some((vec![b'\\', other], 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_repr_writes() {
        for (text, bytes) in [
            (r#"b''"#, &b""[..]),
            (r#"b'{"a": "\\"b\\""}'"#, br#"{"a": "\"b\""}"#),
            (r#"b"it's""#, b"it's"),
            (r"b'\x00\xff\n\t\\\'\101'", b"\x00\xff\n\t\\'A"),
            (r"b'\q'", b"\\q"),
        ] {
            assert_eq!(parse(text).unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(parse(&literal(&all)).unwrap(), all);
    }

    #[test]
    fn refuses_what_is_no_literal() {
        for text in [
            "", "b'", "b\"'", "'a'", "b'a'b'", "b'\\x1'", "b'\\", "b'é'", "b'\\777'",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("b'\\'").is_err());
        assert!(parse("__import__('os').system('id')").is_err());
    }
}
