//! Rows of values as they are stored.
//!
//! | field | content |
//! |---|---|
//! | `_id` | text: organisation (22 characters for 16 bytes), sub_type, sort key, hash (43 characters for 32 bytes) |
//! | `by` | 16 bytes of SHA-256(organisation, sub_type), for the index of new values |
//! | `first` | the time of the first event, in Unix seconds |
//! | `tie` | the place among values of the same time: the first 8 bytes of the hash |
//! | `gone` | true where the sweep found no event that has the value; it looks once more before it deletes the row |
//!
//! `_id` is text and no binary, because MongoDB orders binaries by their length first.

use bson::{Bson, Document, doc};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tahoe_core::{Attribute, Hash};

use crate::archive::ids::{OrgTag, binary};
use crate::archive::keys;
use crate::values::bytes_text::{decode, encode};
use crate::values::key::sort_key;

/// Character between the parts of an `_id`, before all that a sort key may have.
const BETWEEN: char = '\u{1}';
/// Characters of an organisation's 16 bytes.
#[cfg(feature = "inspect")]
const ORG_CHARS: usize = 22;
/// The longest sub_type whose values have rows, in bytes.
const SUB_TYPE_BYTES: usize = 100;

/// Returns the beginning of the `_id` of all rows of an organisation and sub_type.
pub(crate) fn head(org: &OrgTag, sub_type: &str) -> String {
    format!("{}{sub_type}{BETWEEN}", encode(&org.bytes()[..16]))
}

/// Returns the end of the `_id` of a row, behind its [`head`].
pub(crate) fn tail(key: &str, hash: Hash) -> String {
    format!("{key}{BETWEEN}{}", encode(hash.as_bytes()))
}

/// Returns the sort key and the hash of a [`tail`].
pub(crate) fn read_tail(tail: &str) -> Option<(&str, Hash)> {
    let (key, hash) = tail.rsplit_once(BETWEEN)?;
    let bytes = decode(hash)?.try_into().ok()?;
    Some((key, Hash::from_bytes(bytes)))
}

/// Whether an `_id` is that of a document which is no row.
#[cfg(feature = "inspect")]
pub(crate) fn is_other(id: &str) -> bool {
    !id.contains(BETWEEN)
}

/// Returns the first 16 bytes of the organisation, the sub_type and the hash that an `_id` names.
#[cfg(feature = "inspect")]
pub(crate) fn read_id(id: &str) -> Option<(Vec<u8>, &str, Hash)> {
    let (head, tail) = id.split_once(BETWEEN)?;
    let (org, sub_type) = head.split_at_checked(ORG_CHARS)?;
    let (_, hash) = read_tail(tail)?;
    Some((decode(org)?, sub_type, hash))
}

/// Returns the sub_type and the hash of an `_id` as text, for people.
#[cfg(feature = "inspect")]
pub(crate) fn told(id: &str) -> (&str, String) {
    match read_id(id) {
        Some((_, sub_type, hash)) => (sub_type, hash.to_string()),
        None => ("", id.escape_debug().to_string()),
    }
}

/// Returns the bytes by which the rows of an organisation and sub_type are found in order of time.
pub(crate) fn by(org: &OrgTag, sub_type: &str) -> Bson {
    let mut sha = Sha256::new();
    sha.update(org.bytes());
    sha.update(sub_type.as_bytes());
    binary(&sha.finalize()[..16])
}

/// Returns the `_id` of the row of an attribute; `None` if it has none, since its sub_type is too long.
pub(crate) fn id(org: &OrgTag, attribute: &Attribute) -> Option<String> {
    let sub_type = attribute.sub_type().as_str();
    (sub_type.len() <= SUB_TYPE_BYTES).then(|| {
        let key = sort_key(sub_type, attribute.data());
        format!("{}{}", head(org, sub_type), tail(&key, attribute.hash()))
    })
}

/// Makes the row of an attribute with this `_id`.
pub(crate) fn document(id: &str, org: &OrgTag, attribute: &Attribute, first: f64) -> Document {
    doc! {
        "_id": id,
        "by": by(org, attribute.sub_type().as_str()),
        "first": first,
        "tie": keys::tie(attribute.hash()),
    }
}

/// A row as it is read.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StoredRow {
    #[serde(rename = "_id")]
    pub id: String,
    pub first: f64,
    #[serde(default)]
    pub gone: bool,
}

/// The fields of a [`StoredRow`].
pub(crate) fn fields() -> Document {
    doc! {"first": 1, "gone": 1}
}

#[cfg(test)]
mod tests {
    use tahoe_core::SubType;

    use super::*;

    #[test]
    fn the_id_of_a_row_tells_key_and_hash() {
        let org = OrgTag::of("unr");
        let root = Attribute::new(SubType::from_static("username"), "Root");
        let id = id(&org, &root).unwrap();
        let head = head(&org, "username");
        let tail = id.strip_prefix(&head).unwrap();
        assert_eq!(read_tail(tail), Some(("root", root.hash())));
        assert_eq!(id.len(), 22 + 8 + 1 + 4 + 1 + 43);
        assert_eq!(read_tail("root"), None);
    }

    #[test]
    fn a_sub_type_that_is_too_long_has_no_rows() {
        let long = SubType::new(&"a".repeat(101)).unwrap();
        assert_eq!(id(&OrgTag::of("unr"), &Attribute::new(long, 1_i64)), None);
    }
}
