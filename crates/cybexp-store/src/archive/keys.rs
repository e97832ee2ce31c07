//! Elements of `_keys`, the compact list by which the one reference index finds events.
//!
//! | element | bytes | content |
//! |---|---|---|
//! | reference | 17 | 16 bytes of SHA-256(organisation, hash of the attribute or object), then a byte for nature, context and category |
//! | session | 49 | the `_id` of the event's session |
//! | raw | 29 | kind, 16 bytes of the raw's hash, 8 bytes of the organisation, 4 bytes of the filter's name |
//! | organisation | 18 | kind, 16 bytes of the organisation, 0; of observed events only |
//! | source | 21 | kind, 16 bytes as of a reference to the attribute or session that the event was derived from, 4 bytes of the filter's name |
//!
//! An event has one reference element for each hash of its `_ref`. The organisation is mixed into it, so the index needs
//! no field for it, and a reader only reads keys of organisations that it may see. 16 bytes of SHA-256 cannot be met by
//! accident or by force. The last byte makes every combination of conditions a set of points of the index: a reader names
//! all twelve of observed events where it has no condition. Events that are no observations have values of their own
//! there, so that nobody finds one who does not ask for it.

use bson::Bson;
use sha2::{Digest, Sha256};
use tahoe_core::question::Context;
use tahoe_core::{Category, Event, Hash};

use super::ids::{OrgTag, RawId, binary};

/// First byte of a raw element.
const RAW: u8 = b'R';
/// Length of a raw element, in bytes.
const RAW_BYTES: usize = 29;
/// First byte of an organisation element.
const ORG: u8 = b'O';
/// Length of an organisation element, in bytes. No other element has it.
const ORG_BYTES: usize = 18;
/// First byte of a source element.
const SOURCE: u8 = b'D';
/// Length of a source element, in bytes.
const SOURCE_BYTES: usize = 21;

/// The least `_tie`. The index of events is partial, so every query by it names a bound that all events meet.
pub(crate) const LEAST_TIE: i64 = i64::MIN;
/// Events with a `_tie` from 0 up to this one are the sample: a sixteenth of all events.
pub(crate) const SAMPLED: i64 = 1 << 60;

/// Number of combinations of context and category.
pub(crate) const COMBINATIONS: u8 = 12;

/// Whether an event is an observation. The others are found only by readers that ask for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Nature {
    /// Something that a source reported.
    Observed,
    /// Something that a filter of the second stage made of observed events.
    Derived,
    /// An analyst's verdict on an attribute.
    Verdict,
}

impl Nature {
    /// All natures.
    const ALL: [Self; 3] = [Self::Observed, Self::Derived, Self::Verdict];

    /// The first byte of the combinations of this nature.
    const fn first(self) -> u8 {
        COMBINATIONS
            * match self {
                Self::Observed => 0,
                Self::Derived => 1,
                Self::Verdict => 2,
            }
    }
}

/// A set of combinations of an event's nature, the context of a reference and the category of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kinds(u64);

/// Returns the byte of a combination.
pub(crate) fn kind(nature: Nature, malicious: bool, benign: bool, category: Category) -> u8 {
    let context = u8::from(benign) + 2 * u8::from(malicious);
    let category = match category {
        Category::Unknown => 0,
        Category::Benign => 1,
        Category::Malicious => 2,
    };
    nature.first() + context * 3 + category
}

impl Kinds {
    /// All combinations of observed events.
    pub(crate) const OBSERVED: Self = Self((1 << COMBINATIONS) - 1);

    /// Returns the combinations of observed events that meet the conditions. A reference in unknown context is in
    /// neither.
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
                    set |= 1 << kind(Nature::Observed, malicious, benign, one);
                }
            }
        }
        Self(set)
    }

    /// Returns the same combinations of events of this nature. The set holds combinations of observed events only.
    pub(crate) fn of_nature(self, nature: Nature) -> Self {
        Self((self.0 & Self::OBSERVED.0) << nature.first())
    }

    /// Returns the combinations that are in either set.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a combination, given by its byte, is in the set.
    pub(crate) fn holds(self, kind: u8) -> bool {
        u32::from(kind) < u64::BITS && self.0 & (1 << kind) != 0
    }

    fn iter(self) -> impl Iterator<Item = u8> {
        (0..COMBINATIONS * Nature::ALL.len() as u8).filter(move |kind| self.0 & (1 << kind) != 0)
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
pub(crate) fn of_event(event: &Event, org: &OrgTag, nature: Nature) -> impl Iterator<Item = Bson> {
    event.children().refs().iter().map(move |hash| {
        let malicious = event.malicious().binary_search(hash).is_ok();
        let benign = event.benign().binary_search(hash).is_ok();
        reference(
            org,
            *hash,
            kind(nature, malicious, benign, event.category()),
        )
    })
}

/// Returns the element of all observed events of an organisation, by which they are found in order of time.
pub(crate) fn of_org(org: &OrgTag) -> [u8; ORG_BYTES] {
    let mut element = [0; ORG_BYTES];
    element[0] = ORG;
    element[1..17].copy_from_slice(&org.bytes()[..16]);
    element
}

/// Returns bounds of the elements of all organisations, which lie between them.
pub(crate) fn of_orgs() -> ([u8; ORG_BYTES], [u8; ORG_BYTES]) {
    let (mut least, mut most) = ([0; ORG_BYTES], [0xff; ORG_BYTES]);
    (least[0], most[0]) = (ORG, ORG);
    (least, most)
}

/// Whether an event with these elements is an observation. Its references tell.
pub(crate) fn is_observed<'a>(mut elements: impl Iterator<Item = &'a [u8]>) -> bool {
    let kind = elements.find_map(|element| (element.len() == 17).then_some(element[16]));
    kind.is_none_or(|kind| kind < COMBINATIONS)
}

/// Returns the element of an event that a second-stage filter, given by its name, derived from the attribute or session
/// of this hash.
pub(crate) fn of_source(org: &OrgTag, source: Hash, filter: &str) -> [u8; SOURCE_BYTES] {
    let mut element = [SOURCE; SOURCE_BYTES];
    element[1..17].copy_from_slice(&digest(org, source)[..16]);
    element[17..].copy_from_slice(&Sha256::digest(filter.as_bytes())[..4]);
    element
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
        assert_eq!(Kinds::of(Context::All, None), Kinds::OBSERVED);
        assert_eq!(count(Context::Malicious, None), 6);
        assert_eq!(count(Context::Unknown, None), 3);
        assert_eq!(count(Context::Benign, Some(Category::Malicious)), 2);
        assert_eq!(count(Context::All, Some(Category::Unknown)), 4);
    }

    #[test]
    fn natures_share_no_kind() {
        let all = Nature::ALL.map(|nature| Kinds::OBSERVED.of_nature(nature));
        let union = all.into_iter().reduce(Kinds::and).expect("three natures");
        assert_eq!(union.count(), 36);
    }

    #[test]
    fn a_sixteenth_is_the_sample() {
        let sampled = (0..16_000)
            .filter(|n| (0..SAMPLED).contains(&tie(Hash::of(&[&n.to_string()]))))
            .count();
        assert!((900..1100).contains(&sampled), "{sampled}");
    }
}
