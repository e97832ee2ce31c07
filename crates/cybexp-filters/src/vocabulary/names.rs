//! The sub_types that there are, and what values of each look like.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use tahoe_core::SubType;

use crate::{misp, vocab};

/// In place of `ipv4` and `ipv6`: whichever the value is.
pub(super) const IP: &str = "ip";

/// The sub_types of the attributes that filters make, but those that MISP's own types name.
pub const ATTRIBUTES: &[&str] = vocab::ATTRIBUTES;

/// Only sessions refer to these, not their events.
const OF_SESSIONS: [&str; 2] = ["sensor", "sessionid"];

/// Names further apart than this are no misspellings of each other.
const FAR: usize = 3;
/// Names that are told.
const TOLD: usize = 3;
/// Longer names are not compared.
const NAME_CHARS: usize = 64;

/// How a value of a sub_type is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Lower,
    /// Sources differ.
    AnyCase,
    /// So many hexadecimal digits, in lower case.
    Hex(usize),
    Address,
    Host,
    Url,
    Mail,
    Port,
    Whole,
    TrueOrFalse,
    Asn,
    Network,
    Cve,
    Country,
}

static OF_MISP: LazyLock<BTreeMap<String, bool>> = LazyLock::new(|| {
    let names = misp::sub_types();
    names.map(|(name, lower)| (name.to_string(), lower)).collect()
});

pub(super) fn form(sub_type: &SubType) -> Form {
    match sub_type.as_str() {
        "ip" | "ipv4" | "ipv6" => Form::Address,
        "hostname" | "domain" => Form::Host,
        "url" => Form::Url,
        "email_addr" => Form::Mail,
        "port" => Form::Port,
        "height" | "width" => Form::Whole,
        "success" => Form::TrueOrFalse,
        "asn" => Form::Asn,
        "cidr" => Form::Network,
        "cve_id" => Form::Cve,
        "country_code2" => Form::Country,
        "hassh" | "hasshserver" | "ja3" | "md5" | "imphash" => Form::Hex(32),
        "sha1" => Form::Hex(40),
        "sha224" | "sha3_224" | "sha512_224" => Form::Hex(56),
        "jarm" => Form::Hex(62),
        "sha256" | "sha3_256" | "sha512_256" => Form::Hex(64),
        "sha384" | "sha3_384" => Form::Hex(96),
        "sha512" | "sha3_512" => Form::Hex(128),
        "mime_type" => Form::Lower,
        "protocol" | "method" => Form::AnyCase,
        name => match OF_MISP.get(name) {
            Some(true) => Form::Lower,
            Some(false) | None => Form::Text,
        },
    }
}

/// Whether a filter makes attributes of this sub_type. Others may be there all the same: users post sightings of any
/// sub_type, and MISP objects name theirs.
pub fn is_known(sub_type: &str) -> bool {
    sub_type == IP || ATTRIBUTES.contains(&sub_type) || OF_MISP.contains_key(sub_type)
}

/// Whether sessions are known by this, and not their events: what is asked of it is asked of the events of those
/// sessions.
pub fn of_sessions(sub_type: &str) -> bool {
    OF_SESSIONS.contains(&sub_type)
}

/// What is wrong with a sub_type that nothing is known of: the kind of instance it is a name of, or the names that look
/// like it, best first.
pub fn nearest(sub_type: &str) -> String {
    for (names, kind) in [(vocab::OBJECTS, "objects"), (vocab::EVENTS, "events")] {
        if names.contains(&sub_type) {
            return format!("that is a sub_type of {kind}, not of attributes");
        }
    }
    let given: Vec<char> = sub_type.to_lowercase().chars().take(NAME_CHARS + 1).collect();
    let near = FAR.min(given.len() / 3 + 1);
    let names = ATTRIBUTES.iter().copied().chain([IP]);
    let names = names.chain(OF_MISP.keys().map(String::as_str));
    let mut close: Vec<(usize, usize, &str)> = names
        .enumerate()
        .map(|(at, name)| (distance(&given, &name.chars().collect::<Vec<_>>()), at, name))
        .filter(|(distance, ..)| *distance <= near)
        .collect();
    close.sort_unstable();
    let best = close.first().map(|(best, ..)| *best);
    let close = close.iter().filter(|(distance, ..)| Some(*distance) == best);
    let close: Vec<&str> = close.take(TOLD).map(|(_, _, name)| *name).collect();
    match close[..] {
        [] => "no filter makes such attributes".to_owned(),
        _ => format!("did you mean {}?", close.join(" or ")),
    }
}

/// How many letters have to be put in, left out, changed or swapped with their neighbour to make one name of the other.
fn distance(a: &[char], b: &[char]) -> usize {
    if a.len() > NAME_CHARS || b.len() > NAME_CHARS {
        return usize::MAX;
    }
    let mut rows = [vec![0; b.len() + 1], vec![0; b.len() + 1], (0..=b.len()).collect()];
    for i in 1..=a.len() {
        rows.rotate_left(1);
        rows[2][0] = i;
        for j in 1..=b.len() {
            let changed = rows[1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[1][j] + 1).min(rows[2][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = least;
        }
    }
    rows[2][b.len()]
}
