//! A row as JSON, where the database does not write it itself.

use std::fmt::Write;

use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON object that is written column by column.
#[derive(Debug)]
pub(super) struct JsonRow(String);

impl JsonRow {
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    /// Adds a column; `json` is its value.
    pub(super) fn put(&mut self, name: &str, json: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&string(name));
        self.0.push(':');
        self.0.push_str(json);
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A JSON string.
pub(super) fn string(text: &str) -> String {
    Value::from(text).to_string()
}

/// Text as a JSON string; what is no text as PostgreSQL writes it: `\x`, and hex.
pub(super) fn bytes(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return string(text);
    }
    let mut hex = String::with_capacity(2 * bytes.len() + 6);
    hex.push_str(r#""\\x"#);
    for byte in bytes {
        // a String takes all that is written
        let _ = write!(hex, "{byte:02x}");
    }
    hex.push('"');
    hex
}

/// Returns text that is JSON already as it is, so that a decimal keeps all its digits, and any other text as a string.
pub(super) fn verbatim(text: &[u8]) -> String {
    match serde_json::from_slice::<&RawValue>(text) {
        Ok(json) => json.get().to_owned(),
        Err(_) => bytes(text),
    }
}

/// A floating-point number; the names of those that JSON does not know as PostgreSQL writes them.
pub(super) fn float(number: f64) -> String {
    if number.is_finite() {
        Value::from(number).to_string()
    } else if number.is_nan() {
        string("NaN")
    } else if number > 0.0 {
        string("Infinity")
    } else {
        string("-Infinity")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_in_their_order() {
        let mut object = JsonRow::new();
        object.put("b\"", &verbatim(b"0.10"));
        object.put("a", &bytes(b"\xff\x00"));
        object.put("c", &verbatim(b"0005"));
        object.put("d", &float(f64::NEG_INFINITY));
        assert_eq!(
            object.finish(),
            r#"{"b\"":0.10,"a":"\\xff00","c":"0005","d":"-Infinity"}"#
        );
    }
}
