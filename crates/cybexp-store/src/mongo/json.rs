//! Reading JSON from documents. Values that JSON does not have, such as dates and infinities, are errors, because a
//! conversion would change them unnoticed.

use bson::RawBsonRef;
use serde::{Deserialize, Deserializer, de::Error};
use tahoe_core::Value;

/// Deserializes a field that holds JSON; for `deserialize_with`.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    value(RawBsonRef::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Converts a value. The error is the reason why it is no JSON.
pub(crate) fn value(bson: RawBsonRef<'_>) -> Result<Value, String> {
    Ok(match bson {
        RawBsonRef::Null => Value::Null,
        RawBsonRef::Boolean(value) => value.into(),
        RawBsonRef::Int32(value) => value.into(),
        RawBsonRef::Int64(value) => value.into(),
        RawBsonRef::Double(value) if value.is_finite() => value.into(),
        RawBsonRef::Double(value) => return Err(format!("{value} is no JSON number")),
        RawBsonRef::String(text) => text.into(),
        RawBsonRef::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|item| self::value(item.map_err(|error| error.to_string())?))
                .collect::<Result<_, _>>()?,
        ),
        RawBsonRef::Document(fields) => Value::Object(
            fields
                .iter()
                .map(|field| {
                    let (name, value) = field.map_err(|error| error.to_string())?;
                    Ok::<_, String>((name.as_str().to_owned(), self::value(value)?))
                })
                .collect::<Result<_, _>>()?,
        ),
        other => return Err(format!("a BSON {:?} is no JSON", other.element_type())),
    })
}
