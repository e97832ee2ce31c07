//! JSON text, read as Python reads it where that matters to hashes.
//!
//! serde_json alone would read `-0` as a float, read integers beyond 64 bits as floats, and refuse escapes of lone
//! surrogates, which old Cowrie logs have. So a first pass over the text corrects these, and notes values that Python
//! reads but BSON cannot hold.

use std::borrow::Cow;

use serde_json::Value;

use crate::{value, weight};

pub use crate::weight::Weight;

/// The deepest nesting that is read: MongoDB stores documents of at most 100 levels.
pub const DEPTH_LIMIT: usize = 90;

/// The longest text that is read in the fastest way, in bytes: the value of a longer one is made no larger than needed.
const SMALL_BYTES: usize = 1 << 20;

/// The reason why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text is not JSON.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// The text is JSON as Python reads it, but has a value that BSON cannot hold.
    #[error("{0}")]
    Unstorable(String),
}

/// Reads one JSON value. Floats are exact, `-0` is the int 0, a lone surrogate escape is U+FFFD.
///
/// ```
/// use serde_json::json;
/// use tahoe_core::json::{ParseError, parse};
///
/// assert_eq!(parse(r#"{"n": -0, "s": "\ud800"}"#), Ok(json!({"n": 0, "s": "\u{fffd}"})));
/// assert!(matches!(parse("[1e400]"), Err(ParseError::Unstorable(_))));
/// assert!(matches!(parse("no JSON"), Err(ParseError::Syntax(_))));
/// ```
pub fn parse(text: &str) -> Result<Value, ParseError> {
    parse_without(text, &[])
}

/// Reads one JSON value as [`parse`] does, without the fields of these names. Fields of the outermost object stay.
pub fn parse_without(text: &str, without: &[&str]) -> Result<Value, ParseError> {
    let mut scan = Scan::of(text)?;
    let text = scan.finish();
    let value = match without {
        [] if text.len() <= SMALL_BYTES => serde_json::from_str(&text),
        without => value::read_without(&text, without),
    };
    let value = value.map_err(|error| ParseError::Syntax(error.to_string()))?;
    match scan.unstorable {
        Some(reason) => Err(ParseError::Unstorable(reason)),
        None if has_nul_key(&value) => Err(ParseError::Unstorable(
            "a key holds a NUL character, which BSON cannot hold".to_owned(),
        )),
        None => Ok(value),
    }
}

/// Reads one JSON value that has at most `most` values, those within others among them. A value takes up to 100 bytes of
/// memory, whatever its length as text. Numbers are read as serde_json reads them.
///
/// # Errors
/// If the text is no JSON, or has more values.
///
/// ```
/// use tahoe_core::json::parse_within;
///
/// assert!(parse_within(b"[1, 2]", 3).is_ok());
/// assert!(parse_within(b"[1, 2, 3]", 3).is_err());
/// ```
pub fn parse_within(text: &[u8], most: usize) -> Result<Value, ParseError> {
    value::read_within(text, most).map_err(|error| ParseError::Syntax(error.to_string()))
}

/// Weighs one JSON value that [`parse_without`] would read with the same arguments. Nothing of it is kept in memory.
pub fn weigh(text: &str, without: &[&str]) -> Result<Weight, ParseError> {
    let text = Scan::of(text)?.finish();
    weight::weigh(&text, without).map_err(|error| ParseError::Syntax(error.to_string()))
}

fn has_nul_key(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_nul_key),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul_key(value)),
        _ => false,
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    too_deep: bool,
    unstorable: Option<String>,
    /// The rewritten text so far; `done` is the number of bytes of `text` that it covers.
    out: String,
    done: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            too_deep: false,
            unstorable: None,
            out: String::new(),
            done: 0,
        }
    }

    /// Goes over the text once.
    fn of(text: &'a str) -> Result<Self, ParseError> {
        let mut scan = Self::new(text);
        scan.run();
        match scan.too_deep {
            true => Err(ParseError::Unstorable(format!(
                "nested deeper than {DEPTH_LIMIT} levels"
            ))),
            false => Ok(scan),
        }
    }

    fn run(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'"' => self.string(),
                b'-' | b'0'..=b'9' | b'N' | b'I' => self.number(),
                b'{' | b'[' => {
                    self.depth += 1;
                    self.at += 1;
                    if self.depth > DEPTH_LIMIT {
                        self.too_deep = true;
                        return;
                    }
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
    }

    fn replace(&mut self, from: usize, to: usize, with: &str) {
        self.out.push_str(&self.text[self.done..from]);
        self.out.push_str(with);
        self.done = to;
    }

    fn finish(&mut self) -> Cow<'a, str> {
        if self.done == 0 {
            return Cow::Borrowed(self.text);
        }
        self.out.push_str(&self.text[self.done..]);
        Cow::Owned(std::mem::take(&mut self.out))
    }

    fn string(&mut self) {
        let bytes = self.text.as_bytes();
        self.at += 1;
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' if bytes.get(self.at + 1) == Some(&b'u') => self.escape(),
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) {
        let start = self.at;
        let unit = |at: usize| -> Option<u16> {
            let escape = self.text.as_bytes().get(at..at + 6)?;
            let digits = escape.strip_prefix(b"\\u")?;
            let all_hex = digits.iter().all(u8::is_ascii_hexdigit);
            let text = std::str::from_utf8(digits).ok().filter(|_| all_hex)?;
            u16::from_str_radix(text, 16).ok()
        };
        match (unit(start), unit(start + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => self.at += 12,
            (Some(0xd800..=0xdfff), _) => {
                self.replace(start, start + 6, "\\ufffd");
                self.at += 6;
            }
            _ => self.at += 2,
        }
    }

    fn number(&mut self) {
        let start = self.at;
        let length = self.text[start..]
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')))
            .unwrap_or(self.text.len() - start);
        let token = &self.text[start..start + length];
        self.at = start + length;
        if matches!(token, "NaN" | "Infinity" | "-Infinity") {
            self.note(
                start,
                "null",
                format!("holds {token}, which is no number of JSON"),
            );
            return;
        }
        let digits = token.strip_prefix('-').unwrap_or(token);
        if digits.is_empty() || !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return;
        }
        if digits.bytes().all(|b| b.is_ascii_digit()) {
            if token == "-0" {
                self.replace(start, self.at, "0");
            } else if token.parse::<i64>().is_err() && !digits.starts_with('0') {
                let reason = format!(
                    "the integer {} is larger than BSON can hold",
                    crate::excerpt::excerpt(token)
                );
                self.note(start, "0", reason);
            }
        } else if token.parse::<f64>().is_ok_and(f64::is_infinite) {
            let reason = format!(
                "the number {} is out of range",
                crate::excerpt::excerpt(token)
            );
            self.note(start, "0", reason);
        }
    }

    fn note(&mut self, start: usize, stand_in: &str, reason: String) {
        self.replace(start, self.at, stand_in);
        self.unstorable.get_or_insert(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_as_python_does() {
        for (text, value) in [
            (r#"{"a": -0, "b": -0.0}"#, json!({"a": 0, "b": -0.0})),
            (
                r#"["\ud800", "\ud83d\ude00", "\\ud800"]"#,
                json!(["\u{fffd}", "😀", "\\ud800"]),
            ),
            (r#""\ude00\ud83d""#, json!("\u{fffd}\u{fffd}")),
            (
                "[9223372036854775807, -9223372036854775808]",
                json!([i64::MAX, i64::MIN]),
            ),
            ("0.1", json!(0.1)),
            (
                r#"{"NaN": "1e400 Infinity"}"#,
                json!({"NaN": "1e400 Infinity"}),
            ),
        ] {
            assert_eq!(parse(text).unwrap(), value, "{text}");
        }
        assert!(parse("-0").unwrap().is_i64() || parse("-0").unwrap().is_u64());
    }

    #[test]
    fn tells_what_cannot_be_stored_from_what_is_no_json() {
        for text in [
            "9223372036854775808",
            "[1, NaN]",
            r#"{"a": -Infinity}"#,
            "1e400",
            r#"{"a\u0000b": 1}"#,
            &"[".repeat(200),
        ] {
            assert!(
                matches!(parse(text), Err(ParseError::Unstorable(_))),
                "{text}"
            );
        }
        for text in [
            "Infinity war",
            "",
            "12 34",
            "http://a.example/",
            "{'a': 1}",
            "00012",
            "-",
        ] {
            assert!(matches!(parse(text), Err(ParseError::Syntax(_))), "{text}");
        }
    }
}
