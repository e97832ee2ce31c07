//! Transfer encodings and character sets, read as leniently as mail programs do: who breaks an encoding on
//! purpose must not get past the filter with what every reader of the mail sees.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

/// The content of a part, given its Content-Transfer-Encoding.
pub(super) fn content<'a>(body: &'a str, encoding: Option<&str>) -> Cow<'a, [u8]> {
    let encoding = encoding.unwrap_or_default().trim();
    if encoding.eq_ignore_ascii_case("base64") {
        base64(body.as_bytes()).into()
    } else if encoding.eq_ignore_ascii_case("quoted-printable") {
        quoted_printable(body.as_bytes()).into()
    } else {
        body.as_bytes().into()
    }
}

fn base64(body: &[u8]) -> Vec<u8> {
    base64_decode(body).unwrap_or_else(|| {
        let known = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        let known: Vec<u8> = body.iter().copied().filter(known).collect();
        base64_decode(&known).unwrap_or_default()
    })
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    quoted_printable_decode(body).unwrap_or_else(|| {
        // An equals sign that begins no escape stands for itself.
        let mut fixed = Vec::with_capacity(body.len() + body.len() / 8);
        for (at, &byte) in body.iter().enumerate() {
            fixed.push(byte);
            let escape = match &body[at + 1..] {
                [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
                rest => rest
                    .iter()
                    .find(|b| !matches!(b, b' ' | b'\t' | b'\r'))
                    .is_none_or(|b| *b == b'\n'),
            };
            if byte == b'=' && !escape {
                fixed.extend_from_slice(b"3D");
            }
        }
        quoted_printable_decode(&fixed).unwrap_or(fixed)
    })
}

/// The text of a part, with `\n` at the end of each line.
///
/// A raw is UTF-8, so text that stands in it as it is has been decoded, whatever character set is named;
/// unless it is ASCII, in which some sets are written (ISO-2022-JP).
pub(super) fn text(bytes: &[u8], charset: Option<&str>, was_encoded: bool) -> String {
    let decoder = charset.and_then(|label| charset_decoder(label.trim().as_bytes()));
    let text = match decoder {
        Some(decode) if was_encoded || bytes.is_ascii() => decode(bytes),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => windows_1252(bytes),
        },
    };
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text
    }
}

/// What text without a usable character set most often is.
fn windows_1252(bytes: &[u8]) -> String {
    match charset_decoder(b"windows-1252") {
        Some(decode) => decode(bytes),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(body: &str, encoding: &str) -> String {
        String::from_utf8(content(body, Some(encoding)).into_owned()).unwrap()
    }

    #[test]
    fn broken_encodings_are_read_as_far_as_they_go() {
        assert_eq!(decoded("aGVs\r\nbG8=", "BASE64"), "hello");
        assert_eq!(decoded("aG!Vs*bG8", "base64"), "hello");
        assert_eq!(decoded("", "base64"), "");
        assert_eq!(decoded("a=3Db=\r\nc=", "quoted-printable"), "a=bc");
        assert_eq!(decoded("q==3D=zz =\nx=4", "Quoted-Printable"), "q===zz x=4");
        assert_eq!(decoded("as it is", "8bit"), "as it is");
    }

    #[test]
    fn character_sets() {
        assert_eq!(text(b"caf\xe9", Some("iso-8859-1"), true), "café");
        assert_eq!(text(b"caf\xe9", Some("no-such-set"), true), "café");
        assert_eq!(text("café".as_bytes(), Some("iso-8859-1"), false), "café");
        assert_eq!(
            text(b"\x1b$B%O%m\x1b(B", Some("ISO-2022-JP"), false),
            "ハロ"
        );
        assert_eq!(text(b"a\r\nb\rc\n", None, false), "a\nb\nc\n");
    }
}
