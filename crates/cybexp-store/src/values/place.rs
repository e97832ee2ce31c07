//! The place behind which a page of values begins, as text for those who ask.

use tahoe_core::Hash;

use crate::values::bytes_text::{decode, encode};

/// The place of a value in the order of a sub_type.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuePlace {
    /// The sub_type of the value.
    pub sub_type: String,
    pub(crate) key: String,
    pub(crate) hash: Hash,
}

/// The place of a value among new ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewPlace {
    pub(crate) first: f64,
    pub(crate) hash: Hash,
}

impl ValuePlace {
    /// Returns the place as text.
    pub fn to_text(&self) -> String {
        let (key, hash) = (encode(self.key.as_bytes()), encode(self.hash.as_bytes()));
        format!("{}.{key}.{hash}", self.sub_type)
    }

    /// Reads the text of a place; `None` if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let (rest, hash) = text.trim().rsplit_once('.')?;
        let (sub_type, key) = rest.rsplit_once('.')?;
        Some(Self {
            sub_type: sub_type.to_owned(),
            key: String::from_utf8(decode(key)?).ok()?,
            hash: read_hash(hash)?,
        })
    }
}

impl NewPlace {
    /// Returns the place as text.
    pub fn to_text(&self) -> String {
        let first = encode(&self.first.to_be_bytes());
        format!("{first}.{}", encode(self.hash.as_bytes()))
    }

    /// Reads the text of a place; `None` if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let (first, hash) = text.trim().split_once('.')?;
        let first = f64::from_be_bytes(decode(first)?.try_into().ok()?);
        Some(Self {
            first: first.is_finite().then_some(first)?,
            hash: read_hash(hash)?,
        })
    }
}

fn read_hash(text: &str) -> Option<Hash> {
    Some(Hash::from_bytes(decode(text)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        let hash = Hash::of(&["a"]);
        let place = ValuePlace {
            sub_type: "url".to_owned(),
            key: "http://é".to_owned(),
            hash,
        };
        assert_eq!(ValuePlace::read(&place.to_text()), Some(place));
        let new = NewPlace { first: -1.5, hash };
        assert_eq!(NewPlace::read(&new.to_text()), Some(new));
        for wrong in ["", "a", "a.b", "a.b.c", "url..", "é.é.é"] {
            assert_eq!(ValuePlace::read(wrong), None, "{wrong}");
            assert_eq!(NewPlace::read(wrong), None, "{wrong}");
        }
    }
}
