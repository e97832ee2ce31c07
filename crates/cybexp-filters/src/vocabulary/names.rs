//! The known sub_types, and the form of each one's values.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use tahoe_core::SubType;

use crate::{first::misp, vocab};

/// Name that stands for `ipv4` or `ipv6`, whichever the value is.
pub(super) const IP: &str = "ip";

/// The sub_types of the attributes that filters make, except those that MISP's own types name.
pub const ATTRIBUTES: &[&str] = vocab::ATTRIBUTES;

/// Sub_types to which only sessions refer, not their events.
const OF_SESSIONS: [&str; 2] = ["sensor", "sessionid"];

/// The form of a sub_type's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Lower,
    /// Text whose case depends on the source.
    AnyCase,
    /// This many hexadecimal digits, in lower case.
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
    names
        .map(|(name, lower)| (name.to_string(), lower))
        .collect()
});

pub(super) fn form(sub_type: &SubType) -> Form {
    match sub_type.as_str() {
        "ip" | "ipv4" | "ipv6" => Form::Address,
        "hostname" | "domain" => Form::Host,
        "url" => Form::Url,
        "email_addr" => Form::Mail,
        "port" => Form::Port,
        "height" | "width" | "command_count" => Form::Whole,
        "success" => Form::TrueOrFalse,
        "asn" => Form::Asn,
        "cidr" => Form::Network,
        "cve_id" => Form::Cve,
        "country_code2" => Form::Country,
        "behaviour" => Form::Hex(24),
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

/// Whether a filter makes attributes of this sub_type. The archive may hold others: users submit sightings of any
/// sub_type, and MISP objects name theirs.
pub fn is_known(sub_type: &str) -> bool {
    sub_type == IP || ATTRIBUTES.contains(&sub_type) || OF_MISP.contains_key(sub_type)
}

/// Whether sessions are identified by this sub_type, and their events do not refer to it. A query for it is answered
/// with the events of those sessions.
pub fn of_sessions(sub_type: &str) -> bool {
    OF_SESSIONS.contains(&sub_type)
}

/// Describes the problem with an unknown sub_type: it is the name of another kind of instance, or similar to a known
/// name.
pub fn hint(sub_type: &str) -> String {
    for (names, kind) in [(vocab::OBJECTS, "objects"), (vocab::EVENTS, "events")] {
        if names.contains(&sub_type) {
            return format!("that is a sub_type of {kind}, not of attributes");
        }
    }
    let names = || ATTRIBUTES.iter().copied().chain([IP]);
    let of_misp = || OF_MISP.keys().map(String::as_str);
    // names on which filters agree are likelier than those that only MISP has
    let meant = tahoe_core::nearest(sub_type, names())
        .or_else(|| names().find(|name| begins(name, sub_type)))
        .or_else(|| tahoe_core::nearest(sub_type, of_misp()));
    let meant = meant.map(|name| format!("did you mean {name}?"));
    meant.unwrap_or_else(|| "no filter makes such attributes".to_owned())
}

/// Whether the name is the given one, followed by another word.
fn begins(name: &str, given: &str) -> bool {
    let rest = name.strip_prefix(&given.to_lowercase());
    given.len() >= 3 && rest.is_some_and(|rest| rest.starts_with('_'))
}
