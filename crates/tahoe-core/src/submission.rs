//! Converting submitted bytes to the data of a raw, and back.
//!
//! A mail may have several character sets at once, and only its filter can tell them apart. So bytes that are no
//! Unicode text are kept unchanged, as one code point for each byte, and marked.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::json::{ParseError, parse};

/// Encoding of data that holds each byte as the code point of its value.
const LATIN1: &str = "latin1";

/// Returns the data of a raw: the parsed value of JSON text, `{"data": text}` for other text, and `{"data": text,
/// "encoding": "latin1"}` for bytes that are no text.
///
/// Text is UTF-8, with or without a byte order mark, or UTF-16 with one.
///
/// # Errors
/// If a JSON text cannot be stored; the error is the reason.
pub fn data_of(bytes: Vec<u8>) -> Result<Value, String> {
    let text = match text_of(bytes) {
        Ok(text) => text,
        Err(bytes) => {
            let text: String = bytes.into_iter().map(char::from).collect();
            return Ok(json!({"data": text, "encoding": LATIN1}));
        }
    };
    match parse(&text) {
        Ok(value) => Ok(value),
        Err(ParseError::Syntax(_)) => Ok(json!({"data": text})),
        Err(ParseError::Unstorable(reason)) => Err(reason),
    }
}

/// Returns the bytes of a submission that was no JSON. They are as they were sent, but without a byte order mark, and
/// UTF-16 is converted to UTF-8. `None` if the field `data` holds no text.
pub fn bytes_of(data: &Value) -> Option<Cow<'_, [u8]>> {
    let text = data.get("data")?.as_str()?;
    let is_latin1 = data.get("encoding").and_then(Value::as_str) == Some(LATIN1);
    let bytes = || text.chars().map(|c| u8::try_from(c).ok()).collect();
    match is_latin1.then(bytes).flatten() {
        Some(bytes) => Some(Cow::Owned(bytes)),
        None => Some(Cow::Borrowed(text.as_bytes())),
    }
}

/// Decodes bytes to text; the error is the bytes, if they are no text.
fn text_of(bytes: Vec<u8>) -> Result<String, Vec<u8>> {
    let utf16 = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => None,
    };
    if let Some(text) = utf16 {
        return Ok(text);
    }
    let mut text = String::from_utf8(bytes).map_err(|error| error.into_bytes())?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16(&units).ok().filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16le(text: &str) -> Vec<u8> {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xff, 0xfe].into_iter().chain(units).collect()
    }

    #[test]
    fn text_in_every_form_of_unicode() {
        let utf16be: Vec<u8> = "\u{feff}é"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        for (bytes, expected) in [
            (b"caf\xc3\xa9".to_vec(), json!({"data": "café"})),
            (b"\xef\xbb\xbfcaf\xc3\xa9".to_vec(), json!({"data": "café"})),
            (utf16le("café\u{1f980}"), json!({"data": "café\u{1f980}"})),
            (utf16be, json!({"data": "é"})),
            (b"\xef\xbb\xbf{\"a\": 1}".to_vec(), json!({"a": 1})),
            (utf16le("[1]"), json!([1])),
            (b"".to_vec(), json!({"data": ""})),
        ] {
            assert_eq!(data_of(bytes), Ok(expected));
        }
        assert!(data_of(b"{\"a\": NaN}".to_vec()).is_err());
    }

    #[test]
    fn other_bytes_come_back() {
        let all: Vec<u8> = (0..=255).collect();
        for bytes in [
            b"caf\xe9".to_vec(),
            all,
            // half a unit, and half a surrogate pair
            b"\xff\xfea".to_vec(),
            b"\xff\xfe\x00\xd8".to_vec(),
            b"{\"a\": \"\xe9\"}".to_vec(),
        ] {
            let data = data_of(bytes.clone()).unwrap();
            assert_eq!(data["encoding"], "latin1");
            assert_eq!(bytes_of(&data).as_deref(), Some(bytes.as_slice()));
        }
    }

    #[test]
    fn bytes_of_data_that_somebody_else_wrote() {
        for (data, expected) in [
            (json!({"data": "café"}), Some("café")),
            (json!({"data": "€", "encoding": "latin1"}), Some("€")),
            (json!({"data": "é", "encoding": "base64"}), Some("é")),
            (json!({"data": ["x"]}), None),
            (json!("x"), None),
        ] {
            assert_eq!(bytes_of(&data).as_deref(), expected.map(str::as_bytes));
        }
    }
}
