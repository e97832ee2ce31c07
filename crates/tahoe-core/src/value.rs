//! Reading JSON text as a value: without some fields, and with no more values in it than there is room for.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Fields of an object that are read before it is made, so that it has room for no more than these: one that grows as it is
/// filled may be twice as large as needed.
const FEW: usize = 32;

/// Reads JSON text, without the fields of these names that do not stand in the outermost object.
pub(crate) fn read_without(text: &str, without: &[&str]) -> Result<Value, serde_json::Error> {
    read(
        serde_json::Deserializer::from_str(text),
        without,
        usize::MAX,
    )
}

/// Reads JSON text that has at most so many values, those within others among them.
pub(crate) fn read_within(text: &[u8], most: usize) -> Result<Value, serde_json::Error> {
    read(serde_json::Deserializer::from_slice(text), &[], most)
}

fn read<'de, R: serde_json::de::Read<'de>>(
    mut deserializer: serde_json::Deserializer<R>,
    without: &[&str],
    most: usize,
) -> Result<Value, serde_json::Error> {
    let mut left = most;
    let read = ValueReader {
        without,
        outermost: true,
        left: &mut left,
        most,
    };
    let value = read.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

struct ValueReader<'a> {
    without: &'a [&'a str],
    outermost: bool,
    /// The number of values that may still come, of the most that there may be.
    left: &'a mut usize,
    most: usize,
}

impl ValueReader<'_> {
    fn inner(&mut self) -> ValueReader<'_> {
        ValueReader {
            without: self.without,
            outermost: false,
            left: self.left,
            most: self.most,
        }
    }
}

impl<'de> DeserializeSeed<'de> for ValueReader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Some(left) = self.left.checked_sub(1) else {
            let message = format!("there are more than {} values", self.most);
            return Err(D::Error::custom(message));
        };
        *self.left = left;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueReader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner())? {
            list.push(item);
        }
        list.shrink_to_fit();
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Value, A::Error> {
        let mut few = Vec::new();
        let mut map = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            if !self.outermost && self.without.contains(&key.as_str()) {
                fields.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = fields.next_value_seed(self.inner())?;
            if map.is_empty() && few.len() < FEW {
                few.push((key, value));
            } else {
                map.extend(few.drain(..));
                map.insert(key, value);
            }
        }
        if map.is_empty() {
            map = Map::with_capacity(few.len());
            map.extend(few);
        }
        Ok(Value::Object(map))
    }
}
