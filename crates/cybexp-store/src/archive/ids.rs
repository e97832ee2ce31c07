//! The `_id` of each document of the archive, which is its identity: there is no other index of hashes.
//!
//! An attribute, object or event has the 32 bytes of its `_hash`; that of an event covers its organisation. The hash of a
//! raw or a session does not, so their `_id` names the organisation, too: a byte for the kind, the hash, 16 bytes of the
//! organisation. So the same raw of two organisations is two documents, and nobody can write to a session of another
//! organisation.

use std::fmt;

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, RawBinaryRef, doc};
use serde::{Deserialize, Deserializer, de::Error as _};
use sha2::{Digest, Sha256};
use tahoe_core::Hash;

/// Length of the `_id` of a raw or a session, in bytes.
const OWNED_BYTES: usize = 49;
/// First byte of the `_id` of a raw.
const RAW: u8 = b'r';
/// First byte of the `_id` of a session.
const SESSION: u8 = b's';

/// SHA-256 of an organisation's `orgid`, of which ids and index elements hold a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrgTag([u8; 32]);

impl OrgTag {
    pub(crate) fn of(orgid: &str) -> Self {
        Self(Sha256::digest(orgid.as_bytes()).into())
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Makes a binary value of the generic subtype, as all ids and elements are.
pub(crate) fn binary(bytes: impl Into<Vec<u8>>) -> Bson {
    Bson::Binary(Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.into(),
    })
}

/// Returns the `_id` of an attribute, object or event.
pub(crate) fn of_hash(hash: Hash) -> Bson {
    binary(hash.as_bytes().to_vec())
}

/// Returns the `_id`s of attributes, objects and events.
pub(crate) fn of_hashes(hashes: &[Hash]) -> Vec<Bson> {
    hashes.iter().copied().map(of_hash).collect()
}

/// Identity of a raw: its hash and its organisation. As text it is the hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawId(Owned);

/// Identity of a session: its hash and its organisation. As text it is the hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(Owned);

type Owned = [u8; OWNED_BYTES];

fn owned(kind: u8, hash: Hash, org: &OrgTag) -> Owned {
    let mut id = [kind; OWNED_BYTES];
    id[1..33].copy_from_slice(hash.as_bytes());
    id[33..].copy_from_slice(&org.0[..16]);
    id
}

impl RawId {
    /// Returns the identity of the raw with this hash in this organisation.
    pub fn new(hash: Hash, orgid: &str) -> Self {
        Self::of(hash, &OrgTag::of(orgid))
    }

    pub(crate) fn of(hash: Hash, org: &OrgTag) -> Self {
        Self(owned(RAW, hash, org))
    }

    pub(crate) fn bson(&self) -> Bson {
        binary(self.0.to_vec())
    }

    pub(crate) fn bytes(&self) -> &Owned {
        &self.0
    }

    /// Reads the `_id` of a raw; `None` if it is another one.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let id: Owned = bytes.try_into().ok()?;
        (id[0] == RAW).then_some(Self(id))
    }

    /// Makes a condition on `_id`: it is a raw whose hash begins with these bytes.
    pub(crate) fn begins(hash: &[u8]) -> Document {
        let bound = |rest: u8| {
            let mut id = [rest; OWNED_BYTES];
            id[0] = RAW;
            let given = hash.len().min(32);
            id[1..=given].copy_from_slice(&hash[..given]);
            binary(id.to_vec())
        };
        doc! {"$gte": bound(0), "$lte": bound(0xff)}
    }
}

impl SessionId {
    pub(crate) fn of(hash: Hash, org: &OrgTag) -> Self {
        Self(owned(SESSION, hash, org))
    }

    pub(crate) fn bson(&self) -> Bson {
        binary(self.0.to_vec())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the session's hash.
    pub(crate) fn hash(&self) -> Hash {
        let mut hash = [0; 32];
        hash.copy_from_slice(&self.0[1..33]);
        Hash::from_bytes(hash)
    }

    /// Returns the identity whose bytes after the first are these.
    pub(crate) fn of_rest(rest: &[u8]) -> Option<Self> {
        let mut id = [SESSION; OWNED_BYTES];
        (rest.len() == OWNED_BYTES - 1).then(|| {
            id[1..].copy_from_slice(rest);
            Self(id)
        })
    }

    /// Reads an element of an event's `_keys`, or the `_id` of a session; `None` if it is another one.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let id: Owned = bytes.try_into().ok()?;
        (id[0] == SESSION).then_some(Self(id))
    }
}

/// Writes the hash.
macro_rules! as_hash {
    ($($id:ident, $kind:expr, $name:literal);*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0[1..33].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let binary = Binary::deserialize(deserializer)?;
                match Owned::try_from(binary.bytes.as_slice()) {
                    Ok(id) if id[0] == $kind => Ok(Self(id)),
                    _ => Err(D::Error::custom(concat!("not the id of a ", $name))),
                }
            }
        }
    )*};
}

as_hash!(RawId, RAW, "raw"; SessionId, SESSION, "session");

/// Returns the bytes of a document's `_id` if it is one of those that this module makes.
pub(crate) fn bytes_of(id: RawBinaryRef<'_>) -> Option<&[u8]> {
    (id.subtype == BinarySubtype::Generic && matches!(id.bytes.len(), 32 | OWNED_BYTES))
        .then_some(id.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_kinds_and_organisations_apart() {
        let hash = Hash::of(&["one"]);
        let (a, b) = (OrgTag::of("a"), OrgTag::of("b"));
        assert_ne!(RawId::of(hash, &a), RawId::of(hash, &b));
        assert_ne!(RawId::of(hash, &a).bson(), SessionId::of(hash, &a).bson());
        assert_eq!(RawId::of(hash, &a).to_string(), hash.to_string());
        assert_eq!(SessionId::read(RawId::of(hash, &a).bytes()), None);
    }
}
