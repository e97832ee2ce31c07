//! Converting submitted bytes to the data of a raw, and back.
//!
//! A mail may have several character sets at once, and only its filter can tell them apart. So bytes that are no
//! Unicode text are kept unchanged, as one code point for each byte, and marked.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::json::{ParseError, parse_without, weigh};

/// The most bytes that the data of one record may take in its BSON document. A raw has 15 MiB, and some for its other
/// fields.
pub const DOCUMENT_BYTES: u64 = (15 << 20) - (8 << 10);
/// The most bytes of memory that the data of one record may take while it is read.
pub const MEMORY_BYTES: u64 = 256 << 20;

/// The longest text that is read without being weighed, in bytes. Its value takes at most some 10 MiB.
const SMALL_BYTES: usize = 64 << 10;
/// The longest record that is within the limits, whatever it holds. BSON takes at most 17 bytes where JSON takes two, and
/// memory 160 where JSON takes one.
const SURE_BYTES: usize = 1 << 20;

/// Encoding of data that holds each byte as the code point of its value.
const LATIN1: &str = "latin1";

/// The reason why a record cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Its document would be too large.
    #[error("{0} bytes as a document are more than the 15 MiB that one record may have")]
    Document(u64),
    /// It would take too much memory.
    #[error("{0} bytes in memory are more than the {limit} MiB that one record may take", limit = MEMORY_BYTES >> 20)]
    Memory(u64),
    /// The record is JSON with a value that BSON cannot hold.
    #[error("{0}")]
    Unstorable(String),
}

/// The data of a raw, and what it lacks.
#[derive(Debug, Clone, PartialEq)]
pub struct Data<'a> {
    /// The data.
    pub value: Value,
    /// The names of the fields that were left out, because the record was too large with them.
    pub without: &'a [&'a str],
}

/// Returns the data of a raw: the parsed value of JSON text, `{"data": text}` for other text, and `{"data": text,
/// "encoding": "latin1"}` for bytes that are no text.
///
/// Text is UTF-8, with or without a byte order mark, or UTF-16 with one. A record that is too large to be stored loses
/// the fields that are `dispensable`, one after the other, until it fits.
///
/// # Errors
/// If the record is too large, or holds a value that cannot be stored. A large record is weighed before it is read, so
/// that one which is refused takes no memory.
///
/// ```
/// use serde_json::json;
/// use tahoe_core::submission::data_of;
///
/// assert_eq!(data_of(b"{\"a\": 1}".to_vec(), &[])?.value, json!({"a": 1}));
/// assert_eq!(data_of(b"From: jdoe@example.com".to_vec(), &[])?.value, json!({"data": "From: jdoe@example.com"}));
/// assert_eq!(data_of(b"\xff".to_vec(), &[])?.value, json!({"data": "\u{ff}", "encoding": "latin1"}));
/// # Ok::<(), tahoe_core::submission::RecordError>(())
/// ```
pub fn data_of<'a>(bytes: Vec<u8>, dispensable: &'a [&'a str]) -> Result<Data<'a>, RecordError> {
    let whole = |value| Data {
        value,
        without: &[],
    };
    let text = match text_of(bytes) {
        Ok(text) => text,
        Err(bytes) => {
            check_text(latin1_bytes(&bytes))?;
            let text: String = bytes.into_iter().map(char::from).collect();
            return Ok(whole(json!({"data": text, "encoding": LATIN1})));
        }
    };
    let without = match text.len() > SMALL_BYTES {
        true => judge(&text, dispensable)?,
        false => Some(&[][..]),
    };
    let Some(without) = without else {
        return Ok(whole(json!({"data": text})));
    };
    match parse_without(&text, without) {
        Ok(value) => Ok(Data { value, without }),
        Err(ParseError::Syntax(_)) => Ok(whole(json!({"data": text}))),
        Err(ParseError::Unstorable(reason)) => Err(RecordError::Unstorable(reason)),
    }
}

/// Checks whether a record can be stored, at most without its `dispensable` fields. Nothing of it is kept in memory.
///
/// # Errors
/// If it is too large. Other reasons for which [`data_of`] refuses a record are not sought.
pub fn check_size(bytes: &[u8], dispensable: &[&str]) -> Result<(), RecordError> {
    if bytes.len() <= SURE_BYTES {
        return Ok(());
    }
    let judged = match std::str::from_utf8(bytes) {
        Ok(text) => judge(text.strip_prefix('\u{feff}').unwrap_or(text), dispensable),
        Err(_) => match utf16_of(bytes) {
            Some(text) => judge(&text, dispensable),
            None => check_text(latin1_bytes(bytes)).map(|()| None),
        },
    };
    match judged {
        Err(RecordError::Unstorable(_)) | Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns the bytes of memory that [`data_of`] needs for the value of these bytes, at most; but never more than
/// [`MEMORY_BYTES`].
pub fn memory_bound(bytes: &[u8]) -> u64 {
    let (mut commas, mut brackets) = (1, 0);
    for byte in bytes {
        commas += u64::from(*byte == b',');
        brackets += u64::from(matches!(byte, b'[' | b'{'));
    }
    // a field takes 136 bytes in lists that may be twice as long as needed, a list or object begins with room for four
    (2 * bytes.len() as u64 + commas * 320 + brackets * 640).min(MEMORY_BYTES)
}

/// Returns the fields without which a text can be stored; `None` if it is no JSON.
fn judge<'a>(text: &str, dispensable: &'a [&'a str]) -> Result<Option<&'a [&'a str]>, RecordError> {
    let fits = |without: &[&str]| match weigh(text, without) {
        Ok(weight) if weight.document_bytes > DOCUMENT_BYTES => {
            Ok(Err(RecordError::Document(weight.document_bytes)))
        }
        Ok(weight) if weight.memory_bytes > MEMORY_BYTES => {
            Ok(Err(RecordError::Memory(weight.memory_bytes)))
        }
        Ok(_) => Ok(Ok(())),
        Err(error) => Err(error),
    };
    // first without all of them: nothing else is tried in vain
    match fits(dispensable) {
        Err(ParseError::Unstorable(reason)) => return Err(RecordError::Unstorable(reason)),
        Err(ParseError::Syntax(_)) => {
            check_text(text.len() as u64)?;
            return Ok(None);
        }
        Ok(light) => light?,
    }
    let tried = (0..dispensable.len()).map(|count| &dispensable[..count]);
    let mut enough = tried.filter(|without| matches!(fits(without), Ok(Ok(()))));
    Ok(Some(enough.next().unwrap_or(dispensable)))
}

/// Checks the length of a text that becomes `{"data": text}`.
fn check_text(bytes: u64) -> Result<(), RecordError> {
    match bytes + 64 > DOCUMENT_BYTES {
        true => Err(RecordError::Document(bytes)),
        false => Ok(()),
    }
}

/// Returns the length of the text that holds each byte as a code point.
fn latin1_bytes(bytes: &[u8]) -> u64 {
    bytes.len() as u64 + bytes.iter().filter(|byte| !byte.is_ascii()).count() as u64
}

/// Returns the bytes of a submission that was no JSON. They are as they were sent, but without a byte order mark, and
/// UTF-16 is converted to UTF-8. `None` if the field `data` holds no text.
///
/// ```
/// use tahoe_core::submission::{bytes_of, data_of};
///
/// let data = data_of(b"M\xfcller".to_vec(), &[])?.value;
/// assert_eq!(bytes_of(&data).as_deref(), Some(&b"M\xfcller"[..]));
/// # Ok::<(), tahoe_core::submission::RecordError>(())
/// ```
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
    if let Some(text) = utf16_of(&bytes) {
        return Ok(text);
    }
    let mut text = String::from_utf8(bytes).map_err(|error| error.into_bytes())?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

/// Decodes UTF-16 with a byte order mark.
fn utf16_of(bytes: &[u8]) -> Option<String> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => None,
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .collect::<Result<_, _>>()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(bytes: Vec<u8>) -> Result<Value, RecordError> {
        data_of(bytes, &[]).map(|data| data.value)
    }

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
            assert_eq!(value_of(bytes), Ok(expected));
        }
        assert!(value_of(b"{\"a\": NaN}".to_vec()).is_err());
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
            let data = value_of(bytes.clone()).unwrap();
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

    fn document_bytes(value: &Value) -> u64 {
        bson::serialize_to_vec(&json!({"data": value}))
            .unwrap()
            .len() as u64
    }

    #[test]
    fn a_record_is_weighed_before_it_is_read() {
        let list =
            |item: &str, count: usize| format!("[{}{item}]", format!("{item},").repeat(count));
        for (text, expected) in [
            (list("0", 7_000_000), "bytes as a document"),
            (list("[[[[[[[[[[[0]]]]]]]]]]]", 120_000), "bytes in memory"),
            (format!("[\"{}\"]", "x".repeat(16 << 20)), "15 MiB"),
            ("x".repeat(16 << 20), "15 MiB"),
            ("é".repeat(8 << 20), "15 MiB"),
        ] {
            let checked = check_size(text.as_bytes(), &[]).unwrap_err();
            assert!(checked.to_string().contains(expected), "{checked}");
            assert_eq!(value_of(text.into_bytes()).unwrap_err(), checked);
        }
        let bytes = vec![0xe9; 8 << 20];
        assert!(check_size(&bytes, &[]).is_err() && value_of(bytes).is_err());

        // an array that never ends is text, and its elements are not read
        let text = format!("{},", list("0", 7_000_000).trim_end_matches(']'));
        assert_eq!(check_size(text.as_bytes(), &[]), Ok(()));
        assert_eq!(
            value_of(text.clone().into_bytes()),
            Ok(json!({"data": text}))
        );
    }

    #[test]
    fn what_just_fits_can_be_stored() {
        for text in [
            list_of("0", 960_000),
            list_of("{}", 1_160_000),
            list_of("\"é\"", 1_000_000),
            format!("{{\"k\": {}}}", list_of("[1.5, null, true]", 480_000)),
            "x".repeat(DOCUMENT_BYTES as usize - 64),
        ] {
            assert_eq!(check_size(text.as_bytes(), &[]), Ok(()), "{}", &text[..20]);
            let value = value_of(text.into_bytes()).unwrap();
            let bytes = document_bytes(&value);
            assert!((14 << 20..=15 << 20).contains(&bytes), "{bytes}");
        }
    }

    fn list_of(item: &str, count: usize) -> String {
        format!("[{}{item}]", format!("{item},").repeat(count - 1))
    }

    #[test]
    fn the_weight_is_that_of_the_document() {
        for text in [
            "[]",
            "{}",
            r#"{"a": 1, "b": [1.5, -3, null, true, "é\n"], "": {"c": {}}}"#,
            &list_of("[\"x\"]", 1234),
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            let weight = weigh(text, &[]).unwrap();
            assert_eq!(
                weight.document_bytes,
                bson::serialize_to_vec(&json!({"": value})).unwrap().len() as u64 - 7,
                "{text}"
            );
            assert!(
                weight.memory_bytes <= memory_bound(text.as_bytes()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_record_loses_what_is_dispensable_until_it_fits() {
        let large = list_of("0", 1_000_000);
        let text = format!("{{\"e\": {{\"a\": {large}, \"b\": {large}, \"c\": 1}}}}");
        let names = ["b", "a", "c"];
        assert_eq!(check_size(text.as_bytes(), &names), Ok(()));
        let data = data_of(text.clone().into_bytes(), &names).unwrap();
        assert_eq!(data.without, ["b", "a"]);
        assert_eq!(data.value, json!({"e": {"c": 1}}));
        assert!(check_size(text.as_bytes(), &names[..1]).is_err());
        assert!(data_of(text.into_bytes(), &names[..1]).is_err());
    }
}
