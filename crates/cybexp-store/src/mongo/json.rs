//! Reading JSON from documents. Values that JSON does not have, such as dates and infinities, are errors, because a
//! conversion would change them unnoticed.

use bson::RawBsonRef;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Map;
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
        // counted first: what grows as it is filled may be twice as large as needed, and a raw may have 100,000 of these
        RawBsonRef::Array(items) => {
            let mut list = Vec::with_capacity(items.into_iter().count());
            for item in items {
                list.push(self::value(item.map_err(|error| error.to_string())?)?);
            }
            Value::Array(list)
        }
        RawBsonRef::Document(fields) => {
            let mut map = Map::with_capacity(fields.iter().count());
            for field in fields.iter() {
                let (name, value) = field.map_err(|error| error.to_string())?;
                map.insert(name.as_str().to_owned(), self::value(value)?);
            }
            Value::Object(map)
        }
        other => return Err(format!("a BSON {:?} is no JSON", other.element_type())),
    })
}
