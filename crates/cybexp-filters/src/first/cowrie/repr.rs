//! Text as Python prints strings and bytes: `'GET /\r\n'`, `b'SSH-2.0-Go'`.

/// Returns the bytes that a literal stands for; for other text, its own bytes.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let Some(inner) = inner(text) else {
        return text.as_bytes().to_vec();
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let length = match escape.as_bytes().first() {
            Some(b'n') => push(&mut bytes, b'\n'),
            Some(b'r') => push(&mut bytes, b'\r'),
            Some(b't') => push(&mut bytes, b'\t'),
            Some(mark @ (b'\\' | b'\'' | b'"')) => push(&mut bytes, *mark),
            Some(b'x') => match escape.get(1..3).and_then(hex_byte) {
                Some(byte) => push(&mut bytes, byte) + 2,
                None => push(&mut bytes, b'\\') - 1,
            },
            Some(_) | None => push(&mut bytes, b'\\') - 1,
        };
        rest = &escape[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// Returns the text without `b` and the quotes around it, with its escapes unchanged.
pub(super) fn unquoted(text: &str) -> &str {
    inner(text).unwrap_or(text.trim())
}

fn inner(text: &str) -> Option<&str> {
    let text = text.trim();
    let literal = text.strip_prefix(['b', 'u']).unwrap_or(text);
    ['\'', '"']
        .into_iter()
        .find_map(|quote| literal.strip_prefix(quote)?.strip_suffix(quote))
}

/// Appends the byte of an escape, and returns the length of the escape behind its backslash.
fn push(bytes: &mut Vec<u8>, byte: u8) -> usize {
    bytes.push(byte);
    1
}

fn hex_byte(digits: &str) -> Option<u8> {
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| u8::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_literals() {
        for (literal, meant) in [
            ("b'GET / HTTP/1.1\\r\\n\\r\\n'", "GET / HTTP/1.1\r\n\r\n"),
            ("'a\\tb\\\\n'", "a\tb\\n"),
            ("\"it's\"", "it's"),
            ("b'\\x41\\xc3\\xa9\\xff'", "Aé\u{fffd}"),
            ("b'\\xzz\\q\\'", "\\xzz\\q\\"),
            ("plain \\r", "plain \\r"),
            ("'", "'"),
            ("b'é\\xé'", "é\\xé"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8_lossy(&bytes(literal)), meant, "{literal}");
        }
        assert_eq!(unquoted("b'SSH-2.0-Go'"), "SSH-2.0-Go");
        assert_eq!(unquoted(" SSH-2.0-Go "), "SSH-2.0-Go");
    }
}
