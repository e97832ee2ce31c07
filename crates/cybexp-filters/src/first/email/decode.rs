//! Transfer encodings and character sets, read as leniently as mail programs do. A sender who breaks an encoding on
//! purpose must not hide from the filter what every reader of the mail sees.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

use super::uu;

/// Decodes the content of a part by its Content-Transfer-Encoding.
pub(super) fn content<'a>(body: &'a [u8], encoding: Option<&str>) -> Cow<'a, [u8]> {
    let encoding = encoding.unwrap_or_default().trim();
    let encoding = encoding.split([';', ' ', '(']).next().unwrap_or_default();
    match encoding.to_ascii_lowercase().as_str() {
        "base64" | "base-64" => base64(body).into(),
        "quoted-printable" | "quotedprintable" | "qp" => quoted_printable(body).into(),
        "x-uuencode" | "uuencode" | "x-uue" | "uue" => {
            uu::decode(body).map_or(Cow::Borrowed(body), Cow::Owned)
        }
        _ => body.into(),
    }
}

pub(super) fn base64(body: &[u8]) -> Vec<u8> {
    base64_decode(body).unwrap_or_else(|| {
        let known = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        let known: Vec<u8> = body.iter().copied().filter(known).collect();
        base64_decode(&known).unwrap_or_default()
    })
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    quoted_printable_decode(body).unwrap_or_else(|| {
        // an equals sign that begins no escape stands for itself
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

/// Decodes `%XX` in a text to the bytes they stand for.
pub(super) fn percent(text: &str) -> Vec<u8> {
    escapes(text, b'%')
}

/// Decodes a mark and two hexadecimal digits, wherever they stand in a text, to the byte they stand for.
pub(super) fn escapes(text: &str, mark: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let hex = |b: u8| {
        char::from(b)
            .to_digit(16)
            .and_then(|n| u8::try_from(n).ok())
    };
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let escaped = match (byte, after) {
            (found, [high, low, ..]) if found == mark => hex(*high).zip(hex(*low)),
            _ => None,
        };
        bytes.push(match escaped {
            Some((high, low)) => {
                rest = &after[2..];
                high << 4 | low
            }
            None => byte,
        });
    }
    bytes
}

/// Decodes the text of a part, with `\n` at the end of each line.
pub(super) fn text(bytes: &[u8], charset: Option<&str>, was_encoded: bool) -> String {
    let text = characters(bytes, charset, was_encoded);
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text
    }
}

/// Decodes bytes to characters.
///
/// Bytes beyond ASCII that are valid UTF-8 are read as UTF-8: senders label UTF-8 as Latin-1, and a raw that is text
/// was converted to UTF-8 whatever character set it names. A label other than Latin-1 and the like overrides this only
/// where a transfer encoding protected the bytes. Bytes that are all ASCII are read by their label, because some sets
/// are written in ASCII (ISO-2022-JP).
fn characters(bytes: &[u8], charset: Option<&str>, was_encoded: bool) -> String {
    if let Some(text) = utf16(bytes) {
        return text;
    }
    let label = charset.unwrap_or_default().trim().trim_matches(['"', '\'']);
    let decoder = charset_decoder(label.as_bytes()).filter(|_| !label.is_empty());
    let utf8 = std::str::from_utf8(bytes);
    match (decoder, utf8) {
        (Some(decode), _) if bytes.is_ascii() => decode(bytes),
        (Some(decode), Ok(_)) if was_encoded && !is_western(label) => decode(bytes),
        (_, Ok(text)) => text.to_owned(),
        (Some(decode), Err(_)) if !is_western(label) && !is_utf8(label) => decode(bytes),
        // UTF-8 that was cut off or damaged, not another set
        (_, Err(_)) if is_mostly_utf8(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => windows_1252(bytes),
    }
}

/// Decodes UTF-16, in which Windows saves attached pages. It begins with a byte order mark, or with two characters of ASCII;
/// no other text begins with zeros like that.
fn utf16(bytes: &[u8]) -> Option<String> {
    let (read, rest): (fn([u8; 2]) -> u16, _) = match bytes {
        [0xff, 0xfe, rest @ ..] => (u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => (u16::from_be_bytes, rest),
        [1..=0x7f, 0, 1..=0x7f, 0, ..] => (u16::from_le_bytes, bytes),
        [0, 1..=0x7f, 0, 1..=0x7f, ..] => (u16::from_be_bytes, bytes),
        _ => return None,
    };
    let (units, _) = rest.as_chunks();
    let units: Vec<u16> = units.iter().map(|unit| read(*unit)).collect();
    Some(String::from_utf16_lossy(&units))
}

/// Whether a label is a default that tells nothing of the bytes: ASCII, Latin-1 or windows-1252.
fn is_western(label: &str) -> bool {
    const WESTERN: [&str; 8] = [
        "us-ascii",
        "ascii",
        "iso-8859-1",
        "iso8859-1",
        "iso_8859-1",
        "latin1",
        "windows-1252",
        "cp1252",
    ];
    WESTERN
        .iter()
        .any(|known| label.eq_ignore_ascii_case(known))
}

fn is_utf8(label: &str) -> bool {
    label.eq_ignore_ascii_case("utf-8") || label.eq_ignore_ascii_case("utf8")
}

/// Whether more characters beyond ASCII are whole than broken.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut whole, mut broken) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        whole += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    whole > broken
}

/// Decodes bytes as windows-1252, the likeliest set of text without a usable label.
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
        String::from_utf8(content(body.as_bytes(), Some(encoding)).into_owned()).unwrap()
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
        assert_eq!(text(b"caf\xe9", Some("iso-8859-1"), false), "café");
        assert_eq!(text("café".as_bytes(), Some("iso-8859-1"), false), "café");
        assert_eq!(text("café".as_bytes(), Some("us-ascii"), true), "café");
        assert_eq!(text(b"\x82\xb1", Some("Shift_JIS"), false), "こ");
        assert_eq!(text(b"\xcf\xf0", Some("windows-1251"), true), "Пр");
        assert_eq!(
            text(b"\xc3\xa9\xc3\xa9 \xe2\x80", Some("utf-8"), true),
            "éé \u{fffd}"
        );
        assert_eq!(text(b"caf\xe9", Some("utf-8"), true), "café");
        assert_eq!(
            text(b"\x1b$B%O%m\x1b(B", Some("ISO-2022-JP"), false),
            "ハロ"
        );
        assert_eq!(text(b"a\r\nb\rc\n", None, false), "a\nb\nc\n");
        for (bytes, expected) in [
            (&b"\xff\xfeh\0\xe9\0\r\0\n\0"[..], "hé\n"),
            (b"\xfe\xff\0h\0\xe9", "hé"),
            (b"<\0a\0>\0\xe9", "<a>"),
            (b"\0<\0a", "<a"),
            (b"\0\0\0a", "\0\0\0a"),
            (b"a\0", "a\0"),
        ] {
            assert_eq!(text(bytes, Some("utf-8"), true), expected, "{bytes:?}");
        }
    }
}
