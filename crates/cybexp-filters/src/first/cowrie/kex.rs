//! The algorithms that an SSH client offers, and their digest (hassh). They tell client programs apart.

use tahoe_core::{Attribute, SubType};

use super::draft::{Draft, object};
use super::record::CowrieRecord;
use crate::vocab;

/// Lists of algorithms: the field of the record, and the sub_type of its elements.
const LISTS: [(&str, SubType); 5] = [
    ("encCS", vocab::ENCR_ALGO),
    ("compCS", vocab::COMP_ALGO),
    ("kexAlgs", vocab::KEX_ALGO),
    ("keyAlgs", vocab::PUB_KEY_ALGO),
    ("macCS", vocab::MAC_ALGO),
];

/// Name that Cowrie gave hassh when it was introduced, for a few weeks of 2018.
const OLD_HASSH: &str = "client_fingerprint";

/// The longest name of an algorithm in bytes (RFC 4251, section 6); a longer one is left out.
const NAME_BYTES: usize = 64;

/// Whether a client.version record also holds the key exchange, as it did before Cowrie 2.0.
pub(super) fn is_in(record: &CowrieRecord<'_>) -> bool {
    LISTS.iter().any(|(field, _)| record.has(field)) || record.has("hassh") || record.has(OLD_HASSH)
}

pub(super) fn client_kex(record: &CowrieRecord<'_>) -> Draft {
    let hassh = record
        .attribute(vocab::HASSH, "hassh")
        .or_else(|| record.attribute(vocab::HASSH, OLD_HASSH));
    let algorithms = LISTS.into_iter().flat_map(|list| algorithms(record, list));
    let exchange = object(
        vocab::SSH_KEY_EXCHANGE,
        algorithms.map(Some).chain([hassh.clone()]),
    );
    Draft::new(vocab::SSH).with(exchange).marking(&hassh)
}

fn algorithms(record: &CowrieRecord<'_>, (field, sub_type): (&str, SubType)) -> Vec<Attribute> {
    let Some(mut names) = record.list(field) else {
        return Vec::new();
    };
    // A client that offers no compression sends an empty name, or none at all.
    if names.is_empty() && sub_type == vocab::COMP_ALGO {
        names.push("none");
    }
    names
        .into_iter()
        .map(|name| name.split_once('@').map_or(name, |(bare, _)| bare))
        .filter(|name| (1..=NAME_BYTES).contains(&name.len()))
        .map(|name| Attribute::new(sub_type.clone(), name))
        .collect()
}
