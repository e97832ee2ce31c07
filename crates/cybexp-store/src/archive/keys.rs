//! Elements of `_keys`, the compact list by which the one reference index finds events.
//!
//! | element | bytes | content |
//! |---|---|---|
//! | reference | 13 | 12 bytes of SHA-256(organisation, hash of the attribute or object), then a byte for nature, context and category |
//! | session | 49 | the `_id` of the event's session |
//! | raw | 25 | kind, the second in which the raw was accepted, 12 bytes of its hash, 4 bytes of the organisation, 4 bytes of the filter's name |
//! | organisation | 18 | kind, 16 bytes of the organisation, 0; of observed events only |
//! | label | 19 | kind, 16 bytes of the organisation, the label, 0; of observed events that are not for everybody |
//! | source | 17 | kind, 12 bytes as of a reference to the attribute or session that the event was derived from, 4 bytes of the filter's name |
//! | link | 49 | kind, and the rest of the `_id` of the session that the event was derived from |
//! | timed | 17 | kind, 16 bytes of the organisation; of events derived from sessions, whose times are those of the sessions |
//!
//! An event has one reference element for each hash of its `_ref`. The organisation is mixed into it, so the index needs
//! no field for it, and a reader only reads keys of organisations that it may see. 12 bytes of SHA-256 cannot be met by
//! accident, and who looks for a value that meets a given one has to try 2^96. The last byte makes every combination of conditions a set of points of the index: a reader names
//! all twelve of observed events where it has no condition. Events that are no observations have values of their own
//! there, so that nobody finds one who does not ask for it.
//!
//! A raw element begins with a time because what is looked up by it is new as a rule, and because keys that are written
//! together then stand together: a key at a random place costs the server a page of its own.

use bson::Bson;
use sha2::{Digest, Sha256};
use tahoe_core::question::Context;
use tahoe_core::{Category, Event, Hash, Tlp};

use super::ids::{OrgTag, RawId, SessionId, binary};

/// First byte of a raw element.
const RAW: u8 = b'R';
/// Length of a raw element, in bytes, and of its part before the filter's name.
const RAW_BYTES: usize = 25;
const RAW_PREFIX: usize = 21;
/// Bytes of a reference's digest.
const DIGEST: usize = 12;
/// Length of a reference element, in bytes. No other element has it.
const REFERENCE_BYTES: usize = DIGEST + 1;
/// First byte of an organisation element.
const ORG: u8 = b'O';
/// Length of an organisation element, in bytes. No other element has it.
const ORG_BYTES: usize = 18;
/// First byte of a label element.
const LABEL: u8 = b'T';
/// Length of a label element, in bytes. No other element has it.
const LABEL_BYTES: usize = 19;
/// First byte of a source element.
const SOURCE: u8 = b'D';
/// Length of a source element, in bytes.
const SOURCE_BYTES: usize = 1 + DIGEST + 4;
/// First byte of a link. It is another one than that of a session to which an event belongs: a derived event is no part
/// of it.
const LINK: u8 = b'd';
/// First byte of a timed element.
const TIMED: u8 = b'o';
/// Length of a timed element, in bytes.
const TIMED_BYTES: usize = 17;

/// Bits of a `_tie`: an integer of so many takes 6 bytes of an index key, where 64 bits take 9.
const TIE_BITS: u32 = 39;
/// The least `_tie`. The index of events is partial, so every query by it names a bound that all events meet.
pub(crate) const LEAST_TIE: i64 = 0;
/// Events with a `_tie` below this one are the sample: a sixteenth of all events.
pub(crate) const SAMPLED: i64 = 1 << (TIE_BITS - 4);

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
pub(crate) fn digest(org: &OrgTag, hash: Hash) -> [u8; DIGEST] {
    let mut sha = Sha256::new();
    sha.update(org.bytes());
    sha.update(hash.as_bytes());
    let mut digest = [0; DIGEST];
    digest.copy_from_slice(&sha.finalize()[..DIGEST]);
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

/// Returns the element of all events of an organisation that were derived from sessions, by which they are found in order
/// of time.
pub(crate) fn timed(org: &OrgTag) -> [u8; TIMED_BYTES] {
    let mut element = [TIMED; TIMED_BYTES];
    element[1..].copy_from_slice(&org.bytes()[..16]);
    element
}

/// Whether an element of an event's list is a timed one.
pub(crate) fn is_timed(element: &[u8]) -> bool {
    element.len() == TIMED_BYTES && element[0] == TIMED
}

/// Returns the element of the observed events of an organisation that have this label of the Traffic Light Protocol.
pub(crate) fn of_label(org: &OrgTag, tlp: Tlp) -> [u8; LABEL_BYTES] {
    let mut element = [0; LABEL_BYTES];
    element[0] = LABEL;
    element[1..17].copy_from_slice(&org.bytes()[..16]);
    element[17] = match tlp {
        Tlp::Clear => 0,
        Tlp::Green => 1,
        Tlp::Amber => 2,
        Tlp::AmberStrict => 3,
        Tlp::Red => 4,
    };
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
    let kind =
        elements.find_map(|element| (element.len() == REFERENCE_BYTES).then_some(element[DIGEST]));
    kind.is_none_or(|kind| kind < COMBINATIONS)
}

/// The attribute or session of which a second-stage filter made an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DerivedFrom {
    /// The attribute of this hash.
    Attribute(Hash),
    /// The session of this hash.
    Session(Hash),
}

impl DerivedFrom {
    /// Returns the hash of the attribute or session.
    pub fn hash(self) -> Hash {
        match self {
            Self::Attribute(hash) | Self::Session(hash) => hash,
        }
    }
}

/// Returns the source element of an event that a second-stage filter, given by its name, derived from the attribute or
/// session of this hash.
pub(crate) fn of_source(org: &OrgTag, source: Hash, filter: &str) -> Vec<u8> {
    let filter = &Sha256::digest(filter.as_bytes())[..4];
    [&[SOURCE], &digest(org, source)[..], filter].concat()
}

/// Returns the link of events that were derived from a session.
pub(crate) fn link(session: &SessionId) -> Vec<u8> {
    [&[LINK], &session.bytes()[1..]].concat()
}

/// Returns the session that an element of an event's list names: that to which the event belongs, or from which it was
/// derived.
pub(crate) fn session_of(element: &[u8]) -> Option<SessionId> {
    match element {
        [LINK, rest @ ..] => SessionId::of_rest(rest),
        _ => SessionId::read(element),
    }
}

/// Whether an element of an event's list is that of a source.
pub(crate) fn is_of_source(element: &[u8]) -> bool {
    element.len() == SOURCE_BYTES && element[0] == SOURCE
}

/// Returns the beginning of all elements of a raw that was accepted at this time, which a filter's name follows.
pub(crate) fn raw_element(raw: &RawId, accepted: f64) -> [u8; RAW_PREFIX] {
    let mut element = [RAW; RAW_PREFIX];
    let id = raw.bytes();
    // the cast keeps within its bounds what is before 1970 or after 2106
    element[1..5].copy_from_slice(&(accepted as u32).to_be_bytes());
    element[5..17].copy_from_slice(&id[1..13]);
    element[17..].copy_from_slice(&id[33..37]);
    element
}

/// Returns the element of a raw, accepted at this time, of which a filter, given by its name without a version, made an
/// event.
pub(crate) fn of_raw(raw: &RawId, accepted: f64, filter: &str) -> [u8; RAW_BYTES] {
    let mut element = [RAW; RAW_BYTES];
    element[..RAW_PREFIX].copy_from_slice(&raw_element(raw, accepted));
    element[RAW_PREFIX..].copy_from_slice(&Sha256::digest(filter.as_bytes())[..4]);
    element
}

/// Returns the part of a raw's element that names the raw.
#[cfg(feature = "inspect")]
pub(crate) fn raw_of(element: &[u8]) -> &[u8] {
    &element[..RAW_PREFIX]
}

/// Returns the beginning of the raw's hash, of the part of a raw's element that names the raw.
pub(crate) fn hash_of_raw(part: &[u8]) -> &[u8] {
    part.get(5..17).unwrap_or_default()
}

/// Whether an element of an event's list is that of a raw.
pub(crate) fn is_of_raw(element: &[u8]) -> bool {
    element.len() == RAW_BYTES && element[0] == RAW
}

/// Returns the place of an event among those of the same time: the first bits of its hash.
pub(crate) fn tie(event: Hash) -> i64 {
    let mut first = [0; 8];
    first[3..].copy_from_slice(&event.as_bytes()[..5]);
    i64::from_be_bytes(first) >> (40 - TIE_BITS)
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
    fn sources_are_told_from_other_elements() {
        let (org, hash) = (OrgTag::of("a"), Hash::of(&["one"]));
        let source = of_source(&org, hash, "geoip");
        let id = SessionId::of(hash, &org);
        let (link, raw) = (link(&id), of_raw(&RawId::of(hash, &org), 0.0, "cowrie"));
        for (element, is_source, names) in [
            (&source[..], true, None),
            (&link[..], false, Some(id)),
            (id.bytes(), false, Some(id)),
            (&raw[..], false, None),
        ] {
            assert_eq!(is_of_source(element), is_source, "{element:?}");
            assert_eq!(session_of(element), names, "{element:?}");
        }
        assert!(!is_of_raw(&source) && !is_of_raw(&link));
    }

    #[test]
    fn a_sixteenth_is_the_sample() {
        let sampled = (0..16_000)
            .map(|n| tie(Hash::of(&[&n.to_string()])))
            .inspect(|tie| assert!((LEAST_TIE..1 << TIE_BITS).contains(tie)))
            .filter(|tie| (LEAST_TIE..SAMPLED).contains(tie))
            .count();
        assert!((900..1100).contains(&sampled), "{sampled}");
    }
}
