//! The canonical form of a JSON value, byte for byte that of the Python TAHOE library.
//!
//! Every level of an object or array is turned into a string and then into a JSON string again, so the
//! quotes of the innermost level are escaped once for each level above: the form grows with two to the
//! power of the depth. A hostile document of a few hundred bytes would fill any memory; hence [`LIMIT_BYTES`].

use serde_json::Value;

use crate::scalar::Scalar;

/// The longest canonical form that is made: eight times what one MongoDB document can hold.
pub const LIMIT_BYTES: usize = 128 << 20;

/// A value whose canonical form is longer than [`LIMIT_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nested too deeply: its canonical form is longer than {} MiB", LIMIT_BYTES >> 20)]
pub struct TooLarge;

/// The canonical form of any JSON value.
///
/// Object: the canonical form of each value *as a string*, keys sorted by code point. Array: that of each
/// element, without duplicates, sorted by code point. String: stripped as Python strips. Then JSON, as
/// Python's `json.dumps` writes it.
pub fn canonical(value: &Value) -> Result<String, TooLarge> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(number_bool_null(value)),
        Value::String(text) => Ok(string(text)),
        Value::Array(items) => list(items.iter().map(canonical).collect::<Result<_, _>>()?),
        Value::Object(map) => {
            let mut entries: Vec<(&str, String)> = map
                .iter()
                .map(|(key, value)| Ok((key.as_str(), canonical(value)?)))
                .collect::<Result<_, TooLarge>>()?;
            entries.sort_unstable_by_key(|(key, _)| *key);
            object(entries.iter().map(|(key, form)| (*key, form.as_str())))
        }
    }
}

/// The canonical form of an attribute's data.
pub fn canonical_scalar(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Null => "null".to_owned(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Float(value) => python_float(value.get()),
        Scalar::Str(text) => string(text),
    }
}

/// The value that a canonical form of a scalar, or of an object of scalars, was made from.
///
/// The inverse of [`canonical`] as far as it goes: strings come back stripped, arrays sorted.
pub fn decanonical(form: &str) -> Result<Value, serde_json::Error> {
    Ok(match serde_json::from_str(form)? {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| match value {
                    Value::String(inner) => Ok((key, decanonical(&inner)?)),
                    other => Ok((key, other)),
                })
                .collect::<Result<_, serde_json::Error>>()?,
        ),
        Value::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|item| match item {
                    Value::String(inner) => decanonical(&inner),
                    other => Ok(other),
                })
                .collect::<Result<_, serde_json::Error>>()?,
        ),
        other => other,
    })
}

fn number_bool_null(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => {
            python_float(number.as_f64().unwrap_or(f64::NAN))
        }
        other => other.to_string(),
    }
}

fn string(text: &str) -> String {
    let text = python_strip(text);
    let mut out = String::with_capacity(text.len() + 2);
    push_json_string(&mut out, text);
    out
}

/// The form of an array, from the forms of its elements.
pub(crate) fn list(mut forms: Vec<String>) -> Result<String, TooLarge> {
    forms.sort_unstable();
    forms.dedup();
    let mut out = String::from("[");
    for (i, form) in forms.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        push_json_string(&mut out, form);
        check(&out)?;
    }
    out.push(']');
    Ok(out)
}

/// The form of an object, from its keys in order and the forms of their values.
pub(crate) fn object<'a>(
    entries: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<String, TooLarge> {
    let mut out = String::from("{");
    for (i, (key, form)) in entries.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        push_json_string(&mut out, key);
        out.push_str(": ");
        push_json_string(&mut out, form);
        check(&out)?;
    }
    out.push('}');
    Ok(out)
}

fn check(out: &str) -> Result<(), TooLarge> {
    if out.len() > LIMIT_BYTES {
        Err(TooLarge)
    } else {
        Ok(())
    }
}

/// A JSON string as `json.dumps` writes it: all but printable ASCII as `\uXXXX`, surrogate pairs above the BMP.
fn push_json_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| !matches!(c, ' '..='~') || matches!(c, '"' | '\\')) {
        out.push_str(&rest[..at]);
        let c = rest[at..].chars().next().expect("find gave its place");
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str("\\u");
                    for shift in [12, 8, 4, 0] {
                        let digit = u32::from(*unit >> shift & 0xf);
                        out.push(char::from_digit(digit, 16).expect("below 16"));
                    }
                }
            }
        }
        rest = &rest[at + c.len_utf8()..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Text without the white space that Python's `str.strip()` takes off: Unicode's, and U+001C to U+001F.
pub fn python_strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'))
}

/// A finite double as Python's `repr` prints it: `1.0`, `1e+16`, `1e-05`, `0.0001`.
pub fn python_float(value: f64) -> String {
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format(value);
    let (sign, shortest) = match shortest.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", shortest),
    };
    if !shortest.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("{sign}{shortest}");
    }
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let exponent: i32 = exponent.parse().expect("zmij prints an integer exponent");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let digits = all[leading..].trim_end_matches('0');
    if digits.is_empty() {
        return format!("{sign}0.0");
    }
    // value = 0.DIGITS * 10^point; repr changes to the exponent form where CPython's float_repr_style does
    let point = whole.len() as i32 + exponent - leading as i32;
    let count = digits.len() as i32;
    match point {
        -3..=0 => format!("{sign}0.{}{digits}", "0".repeat(-point as usize)),
        1..=16 if count <= point => {
            format!("{sign}{digits}{}.0", "0".repeat((point - count) as usize))
        }
        1..=16 => format!(
            "{sign}{}.{}",
            &digits[..point as usize],
            &digits[point as usize..]
        ),
        _ => {
            let (first, more) = digits.split_at(1);
            let dot = if more.is_empty() { "" } else { "." };
            let e = point - 1;
            let esign = if e < 0 { '-' } else { '+' };
            format!("{sign}{first}{dot}{more}e{esign}{:02}", e.abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_python() {
        for (value, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (5e-324, "5e-324"),
            (1_059_438_285_926_254.2, "1059438285926254.2"),
            (1_588_042_205.834_291, "1588042205.834291"),
        ] {
            assert_eq!(python_float(value), text);
        }
    }

    #[test]
    fn the_form_of_a_deep_document_is_refused_before_it_fills_the_memory() {
        let mut value = Value::from("x");
        for _ in 0..80 {
            value = Value::Array(vec![value]);
        }
        assert_eq!(canonical(&value), Err(TooLarge));
    }
}
