//! Weighing JSON text before it is read: how large its document will be, and how much memory its value will take.
//!
//! A text of 14 MB may become a document of 100 MB or a value of 2 GB. The text is walked without keeping any of it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The bytes of a type byte and the terminator of a key, which each element of a BSON document has.
const ELEMENT_BYTES: u64 = 2;
/// The bytes of the length and the terminator of a BSON document or string.
const FRAME_BYTES: u64 = 5;
/// Bytes of an allocation beyond its content.
const ALLOCATION_BYTES: u64 = 16;

/// The size of a JSON value that has not been read yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// The bytes of its BSON document.
    pub document_bytes: u64,
    /// The bytes of memory that the value takes once it is read, at most.
    pub memory_bytes: u64,
}

/// Weighs JSON text. Fields with one of the names in `without` do not count, unless they stand in the outermost object.
pub(crate) fn weigh(text: &str, without: &[&str]) -> Result<Weight, serde_json::Error> {
    let mut weight = Weight::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let walk = Walk {
        weight: &mut weight,
        without,
        outermost: true,
    };
    walk.deserialize(&mut deserializer)?;
    deserializer.end()?;
    weight.memory_bytes += size_of::<Value>() as u64;
    Ok(weight)
}

struct Walk<'a> {
    weight: &'a mut Weight,
    without: &'a [&'a str],
    outermost: bool,
}

impl Walk<'_> {
    fn add(&mut self, document_bytes: u64, memory_bytes: u64) {
        self.weight.document_bytes += document_bytes;
        self.weight.memory_bytes += memory_bytes;
    }

    fn inner(&mut self) -> Walk<'_> {
        Walk {
            weight: self.weight,
            without: self.without,
            outermost: false,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(mut self, _: bool) -> Result<(), E> {
        self.add(1, 0);
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, _: i64) -> Result<(), E> {
        self.add(8, 0);
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, _: u64) -> Result<(), E> {
        self.add(8, 0);
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, _: f64) -> Result<(), E> {
        self.add(8, 0);
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        let bytes = text.len() as u64;
        self.add(FRAME_BYTES + bytes, ALLOCATION_BYTES + bytes);
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.add(FRAME_BYTES, 0);
        let mut count = 0;
        while items.next_element_seed(self.inner())?.is_some() {
            self.add(ELEMENT_BYTES + digits(count), 0);
            count += 1;
        }
        self.add(0, list_bytes(count, size_of::<Value>() as u64));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        self.add(FRAME_BYTES, 0);
        let mut count = 0;
        let without = if self.outermost { &[] } else { self.without };
        while let Some(key) = fields.next_key_seed(Key { without })? {
            match key {
                None => {
                    fields.next_value::<serde::de::IgnoredAny>()?;
                }
                Some(bytes) => {
                    self.add(ELEMENT_BYTES + bytes, ALLOCATION_BYTES + bytes);
                    fields.next_value_seed(self.inner())?;
                    count += 1;
                }
            }
        }
        // an object is a list of its fields, and a table of their places
        let field_bytes = size_of::<(u64, String, Value)>() as u64;
        let table_bytes = list_bytes(count, 2 * size_of::<usize>() as u64);
        self.add(0, list_bytes(count, field_bytes) + table_bytes);
        Ok(())
    }
}

/// The length of a key; `None` for a field that does not count.
struct Key<'a> {
    without: &'a [&'a str],
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<u64>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<u64>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Option<u64>, E> {
        Ok((!self.without.contains(&key)).then_some(key.len() as u64))
    }
}

/// The memory of a list that grew to this many elements: a growing list doubles, and begins with four.
fn list_bytes(count: u64, element_bytes: u64) -> u64 {
    match count {
        0 => 0,
        count => count.next_power_of_two().max(4) * element_bytes + ALLOCATION_BYTES,
    }
}

/// The number of decimal digits, which is the length of an array's key in BSON.
fn digits(number: u64) -> u64 {
    u64::from(number.checked_ilog10().unwrap_or(0)) + 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::value::read_without;

    #[test]
    fn what_does_not_count_is_not_read_either() {
        let text =
            r#"{"Galaxy": 1, "Event": {"Galaxy": [1, 2, 3], "info": "i", "n": [{"Galaxy": 4}]}}"#;
        let read = read_without(text, &["Galaxy"]).unwrap();
        assert_eq!(
            read,
            json!({"Galaxy": 1, "Event": {"info": "i", "n": [{}]}})
        );
        let light = weigh(text, &["Galaxy"]).unwrap();
        assert_eq!(light, weigh(&read.to_string(), &[]).unwrap());
        assert!(weigh(text, &[]).unwrap().document_bytes > light.document_bytes);
        assert_eq!(
            read_without(text, &[]).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }

    #[test]
    fn what_is_no_json_is_not_weighed() {
        for text in ["", "[1", "1 2", "http://a.example/"] {
            assert!(weigh(text, &[]).is_err(), "{text}");
        }
    }
}
