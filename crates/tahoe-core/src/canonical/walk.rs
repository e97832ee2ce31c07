//! Writing the canonical form of an ordered value to a sink, from left to right.
//!
//! Text below `level` arrays and objects is escaped `level` times. Each time doubles every backslash, and puts one
//! before every quote.

use std::ops::Range;

use serde_json::Value;

use super::python::{python_float, python_strip};
use super::sink::{Keys, Sink};

/// A value whose keys and elements are in the form's order, without duplicate elements.
pub(super) enum Ordered<'v> {
    /// A value other than an array or object.
    Scalar(&'v Value),
    /// An array of one element.
    One(Box<Self>),
    /// An array of none or several elements.
    List(Box<Elements>),
    Object(Vec<(&'v str, Self)>),
}

/// Elements of an array. Their forms were made to sort them, so nothing else of them is kept.
pub(super) struct Elements {
    /// The forms.
    pub(super) keys: Keys,
    /// The places of the forms, in the order in which they stand in the array's form.
    pub(super) order: Vec<Range<usize>>,
}

/// Writes a value's form, escaped `level` times.
pub(super) fn value(value: &Ordered<'_>, level: u32, sink: &mut impl Sink) {
    match value {
        Ordered::Scalar(Value::String(text)) => string(python_strip(text), level, sink),
        Ordered::Scalar(Value::Number(number)) if number.is_f64() => {
            sink.text(&python_float(number.as_f64().unwrap_or(f64::NAN)));
        }
        Ordered::Scalar(other) => sink.text(&other.to_string()),
        Ordered::One(item) => {
            sink.text("[");
            quoted(item, level, sink);
            sink.text("]");
        }
        Ordered::List(elements) => {
            sink.text("[");
            for (at, place) in elements.order.iter().enumerate() {
                if at > 0 {
                    sink.text(", ");
                }
                quote(level, sink);
                elements.keys.write(place, level + 1, sink);
                quote(level, sink);
            }
            sink.text("]");
        }
        Ordered::Object(entries) => {
            sink.text("{");
            for (at, (key, item)) in entries.iter().enumerate() {
                if at > 0 {
                    sink.text(", ");
                }
                string(key, level, sink);
                sink.text(": ");
                quoted(item, level, sink);
            }
            sink.text("}");
        }
    }
}

/// Writes the form of a part as the string that stands in the form of the whole.
fn quoted(item: &Ordered<'_>, level: u32, sink: &mut impl Sink) {
    quote(level, sink);
    value(item, level + 1, sink);
    quote(level, sink);
}

/// Writes a text as a JSON string, as `json.dumps` does: all but printable ASCII as `\uXXXX`, surrogate pairs above the
/// BMP.
pub(super) fn string(text: &str, level: u32, sink: &mut impl Sink) {
    quote(level, sink);
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| !matches!(c, ' '..='~') || matches!(c, '"' | '\\')) {
        sink.text(&rest[..at]);
        let c = rest[at..].chars().next().expect("find gave its place");
        match c {
            '"' => quote(level + 1, sink),
            '\\' => sink.backslashes(2 << level),
            '\n' => escape("n", level, sink),
            '\r' => escape("r", level, sink),
            '\t' => escape("t", level, sink),
            '\u{8}' => escape("b", level, sink),
            '\u{c}' => escape("f", level, sink),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let digits = [12, 8, 4, 0]
                        .map(|shift| b"0123456789abcdef"[usize::from(*unit >> shift & 0xf)]);
                    escape("u", level, sink);
                    sink.text(std::str::from_utf8(&digits).expect("hex digits are ASCII"));
                }
            }
        }
        rest = &rest[at + c.len_utf8()..];
    }
    sink.text(rest);
    quote(level, sink);
}

/// Writes a quote that was escaped `level` times.
fn quote(level: u32, sink: &mut impl Sink) {
    sink.backslashes((1 << level) - 1);
    sink.text("\"");
}

/// Writes a letter behind a backslash, both escaped `level` times.
fn escape(letter: &str, level: u32, sink: &mut impl Sink) {
    sink.backslashes(1 << level);
    sink.text(letter);
}
