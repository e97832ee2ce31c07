//! Elements of `_keys`, the compact list by which the one reference index finds events.
//!
//! | element | bytes | content |
//! |---|---|---|
//! | reference | 17 | 16 bytes of SHA-256(organisation, hash of the attribute or object), then a byte for context and category |
//! | session | 49 | the `_id` of the event's session |
//! | raw | 29 | kind, 16 bytes of the raw's hash, 8 bytes of the organisation, 4 bytes of the filter's name |
//!
//! An event has one reference element for each hash of its `_ref`. The organisation is mixed into it, so the index needs
//! no field for it, and a reader only reads keys of organisations that it may see. 16 bytes of SHA-256 cannot be met by
//! accident or by force. The byte for context and category makes every combination of conditions a set of points of the
//! index: a reader names all twelve where it has no condition.

use bson::Bson;
use sha2::{Digest, Sha256};
use tahoe_core::question::Context;
use tahoe_core::{Category, Event, Hash};

use super::ids::{OrgTag, RawId, binary};

/// First byte of a raw element.
const RAW: u8 = b'R';
/// Length of a raw element, in bytes.
const RAW_BYTES: usize = 29;

/// The least `_tie`. The index of events is partial, so every query by it names a bound that all events meet.
pub(crate) const LEAST_TIE: i64 = i64::MIN;
/// Events with a `_tie` from 0 up to this one are the sample: a sixteenth of all events.
pub(crate) const SAMPLED: i64 = 1 << 60;

/// Number of combinations of context and category.
const KINDS: u8 = 12;

/// A set of combinations of the context of a reference and the category of its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kinds(u16);

/// Returns the byte of a combination.
fn kind(malicious: bool, benign: bool, category: Category) -> u8 {
    let context = u8::from(benign) + 2 * u8::from(malicious);
    let category = match category {
        Category::Unknown => 0,
        Category::Benign => 1,
        Category::Malicious => 2,
    };
    context * 3 + category
}

impl Kinds {
    /// All combinations.
    pub(crate) const ALL: Self = Self((1 << KINDS) - 1);

    /// Returns the combinations that meet the conditions. A reference in unknown context is in neither.
    pub(crate) fn of(context: Context, category: Option<Category>) -> Self {
        let mut set = 0;
        for (malicious, benign) in [(false, false), (false, true), (true, false), (true, true)] {
            let met = match context {
                Context::All => true,
                Context::Malicious => malicious,
                Context::Benign => benign,
                Context::Unknown => !malicious && !benign,
            };
            for one in [Category::Unknown, Category::Benign, Category::Malicious] {
                if met && category.is_none_or(|wanted| wanted == one) {
                    set |= 1 << kind(malicious, benign, one);
                }
            }
        }
        Self(set)
    }

    fn iter(self) -> impl Iterator<Item = u8> {
        (0..KINDS).filter(move |kind| self.0 & (1 << kind) != 0)
    }

    /// Returns the number of combinations in the set.
    pub(crate) fn count(self) -> usize {
        self.0.count_ones() as usize
    }
}

/// Returns the bytes by which an organisation's references to a hash are found.
pub(crate) fn digest(org: &OrgTag, hash: Hash) -> [u8; 16] {
    let mut sha = Sha256::new();
    sha.update(org.bytes());
    sha.update(hash.as_bytes());
    let mut digest = [0; 16];
    digest.copy_from_slice(&sha.finalize()[..16]);
    digest
}

fn reference(org: &OrgTag, hash: Hash, kind: u8) -> Bson {
    let mut element = digest(org, hash).to_vec();
    element.push(kind);
    binary(element)
}

/// Returns the elements of all references to a hash that are of one of these kinds.
pub(crate) fn references(org: &OrgTag, hash: Hash, kinds: Kinds) -> impl Iterator<Item = Bson> {
    let digest = digest(org, hash);
    kinds
        .iter()
        .map(move |kind| binary([&digest[..], &[kind]].concat()))
}

/// Returns the reference elements of an event.
pub(crate) fn of_event(event: &Event, org: &OrgTag) -> impl Iterator<Item = Bson> {
    event.children().refs().iter().map(|hash| {
        let malicious = event.malicious().binary_search(hash).is_ok();
        let benign = event.benign().binary_search(hash).is_ok();
        reference(org, *hash, kind(malicious, benign, event.category()))
    })
}

/// Returns the beginning of all elements of a raw, which a filter's name follows.
pub(crate) fn raw_element(raw: &RawId) -> [u8; 25] {
    let mut element = [RAW; 25];
    let id = raw.bytes();
    element[1..17].copy_from_slice(&id[1..17]);
    element[17..].copy_from_slice(&id[33..41]);
    element
}

/// Returns the element of a raw of which a filter, given by its name without a version, made an event.
pub(crate) fn of_raw(raw: &RawId, filter: &str) -> [u8; RAW_BYTES] {
    let mut element = [RAW; RAW_BYTES];
    element[..25].copy_from_slice(&raw_element(raw));
    element[25..].copy_from_slice(&Sha256::digest(filter.as_bytes())[..4]);
    element
}

/// Returns the part of a raw's element that names the raw.
#[cfg(feature = "inspect")]
pub(crate) fn raw_of(element: &[u8]) -> &[u8] {
    &element[..25]
}

/// Whether an element of an event's list is that of a raw.
pub(crate) fn is_of_raw(element: &[u8]) -> bool {
    element.len() == RAW_BYTES && element[0] == RAW
}

/// Returns the place of an event among those of the same time: the first 8 bytes of its hash.
pub(crate) fn tie(event: Hash) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&event.as_bytes()[..8]);
    i64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_sets_of_kinds() {
        let count = |context, category| Kinds::of(context, category).count();
        assert_eq!(Kinds::of(Context::All, None), Kinds::ALL);
        assert_eq!(count(Context::Malicious, None), 6);
        assert_eq!(count(Context::Unknown, None), 3);
        assert_eq!(count(Context::Benign, Some(Category::Malicious)), 2);
        assert_eq!(count(Context::All, Some(Category::Unknown)), 4);
    }

    #[test]
    fn a_sixteenth_is_the_sample() {
        let sampled = (0..16_000)
            .filter(|n| (0..SAMPLED).contains(&tie(Hash::of(&[&n.to_string()]))))
            .count();
        assert!((900..1100).contains(&sampled), "{sampled}");
    }
}
