//! Bytes that a command writes in hexadecimal: `\x67\x61`.

/// The longest text that identifies a bot; longer ones are part of a program.
const TEXT_BYTES: usize = 64;

/// A word with escapes, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// Printable text.
    Text(String),
    /// Bytes of a program.
    Bytes,
}

/// Decodes the escapes of a word; `None` if it has none. Also reads `\\x67`, as some logs double the backslash.
pub(super) fn decode(word: &str) -> Option<Decoded> {
    let mut bytes = Vec::new();
    let mut rest = word;
    let mut found = 0;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let after = after.trim_start_matches('\\');
        let (byte, length) = match after.as_bytes() {
            [b'x' | b'X', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (u8::from_str_radix(after.get(1..3)?, 16).ok(), 3)
            }
            [b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => {
                (u8::from_str_radix(after.get(1..2)?, 16).ok(), 2)
            }
            [b'0', b'0'..=b'7', b'0'..=b'7', b'0'..=b'7', ..] => {
                (u8::from_str_radix(after.get(1..4)?, 8).ok(), 4)
            }
            [b'0'..=b'3', b'0'..=b'7', b'0'..=b'7', ..] => {
                (u8::from_str_radix(after.get(..3)?, 8).ok(), 3)
            }
            _ => (None, 0),
        };
        match byte {
            Some(byte) => {
                found += 1;
                bytes.push(byte);
            }
            None => bytes.push(b'\\'),
        }
        rest = &after[length..];
    }
    if found == 0 {
        return None;
    }
    bytes.extend_from_slice(rest.as_bytes());
    let is_text = bytes
        .iter()
        .all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t'));
    if !is_text || bytes.len() > TEXT_BYTES {
        return Some(Decoded::Bytes);
    }
    Some(Decoded::Text(
        String::from_utf8(bytes)
            .unwrap_or_default()
            .trim()
            .to_owned(),
    ))
}

/// Whether a word writes bytes of a program.
pub(super) fn is_bytes(word: &str) -> bool {
    word.contains('\\') && decode(word) == Some(Decoded::Bytes)
}

/// Whether a text holds bytes that nobody types: those of a program that was sent into the shell.
pub(super) fn is_raw(text: &str) -> bool {
    let is_odd = |c: char| (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || c == '\u{fffd}';
    text.contains(is_odd)
        || text.contains("UPX!")
        || (text.contains("ELF") && !text.contains(' ') && text.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_text_or_bytes() {
        for (word, expected) in [
            ("\\x67\\x61\\x79", Some(Decoded::Text("gay".into()))),
            ("\\\\x31\\\\x33", Some(Decoded::Text("13".into()))),
            ("\\x6b\\x61/dev", Some(Decoded::Text("ka/dev".into()))),
            ("\\x7f\\x45\\x4c", Some(Decoded::Bytes)),
            ("\\0177\\105", Some(Decoded::Bytes)),
            ("a\\nb", None),
            ("plain", None),
        ] {
            assert_eq!(decode(word), expected, "{word}");
        }
    }
}
