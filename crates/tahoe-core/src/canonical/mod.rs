//! The canonical form of a JSON value, byte for byte that of the Python TAHOE library.
//!
//! Every level of an object or array is turned into a string and then into a JSON string again. So the quotes of the
//! innermost level are escaped once for each level above, and the form's length grows with two to the power of the
//! depth. The length is therefore computed before the form is built ([`measure`]), and a form is hashed without being
//! held in memory ([`hash`]): for a MISP event of 1.5 MB, the form has 209 MB.

mod length;
mod order;
mod parts;
pub(crate) mod python;
mod sink;
mod walk;

use serde_json::Value;

use crate::hash::Hash;
use crate::scalar::Scalar;
use length::Length;
use order::ordered;
use sink::{Digest, Text};

pub use length::{GROWTH, HASHED_BYTES, TEXT_BYTES, TooLarge};
pub(crate) use parts::{list, object};
pub use python::{python_float, python_strip};

/// Returns the canonical form of any JSON value as text.
///
/// Object: the canonical form of each value *as a string*, keys sorted by code point. Array: that of each element,
/// without duplicates, sorted by code point. String: stripped as Python strips. Then JSON, as Python's `json.dumps`
/// writes it.
///
/// # Errors
/// If [`measure`] finds it longer than [`TEXT_BYTES`].
///
/// ```
/// use serde_json::json;
/// use tahoe_core::canonical;
///
/// let form = canonical(&json!({"b": [2, 1, 1], "a": " text "}))?;
/// assert_eq!(form, r#"{"a": "\"text\"", "b": "[\"1\", \"2\"]"}"#);
/// # Ok::<(), tahoe_core::TooLarge>(())
/// ```
pub fn canonical(value: &Value) -> Result<String, TooLarge> {
    canonical_within(value, TEXT_BYTES)
}

/// Returns the canonical form as [`canonical`] does, but with a lower limit.
///
/// # Errors
/// If [`measure`] finds it longer than `limit` bytes.
pub fn canonical_within(value: &Value, limit: u64) -> Result<String, TooLarge> {
    let bytes = measure(value, limit)?;
    let mut text = Text(String::with_capacity(usize::try_from(bytes).unwrap_or(0)));
    walk::value(&ordered(value), 0, &mut text);
    Ok(text.0)
}

/// Returns the SHA-256 of the `prefix` and the canonical form, in memory linear in the value's size.
///
/// # Errors
/// If [`measure`] finds the form longer than [`HASHED_BYTES`].
pub fn hash(prefix: &[&str], value: &Value) -> Result<Hash, TooLarge> {
    measure(value, HASHED_BYTES)?;
    let mut digest = Digest::of(prefix);
    walk::value(&ordered(value), 0, &mut digest);
    Ok(Hash::from_bytes(digest.finish()))
}

/// Returns an upper bound of the canonical form's length in bytes, without making the form. It is exact except that
/// duplicates in arrays count. Takes time linear in the value's size at most, and stops early.
///
/// # Errors
/// If the bound is larger than `limit`, or larger than 64 KiB and more than [`GROWTH`] times the bytes of the value's
/// own JSON text: a hostile value of some hundred bytes must not cost a second.
pub fn measure(value: &Value, limit: u64) -> Result<u64, TooLarge> {
    Length::of(value, limit)
}

/// Returns the canonical form of an attribute's data.
pub fn canonical_scalar(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Null => "null".to_owned(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Float(value) => python_float(value.get()),
        Scalar::Str(text) => {
            let mut out = Text(String::with_capacity(text.len() + 2));
            walk::string(python_strip(text), 0, &mut out);
            out.0
        }
    }
}

/// Returns the value from which the canonical form of a scalar, or of an object of scalars, was made.
///
/// The inverse of [`canonical`] up to what that loses: strings come back stripped, arrays sorted.
///
/// ```
/// use serde_json::json;
/// use tahoe_core::canonical::{canonical, decanonical};
///
/// let form = canonical(&json!({"sub_type": "ipv4", "data": "203.0.113.9"}))?;
/// assert_eq!(decanonical(&form)?, json!({"sub_type": "ipv4", "data": "203.0.113.9"}));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

#[cfg(test)]
mod tests;
