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
pub(super) enum ValueForm {
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

pub(super) fn form(sub_type: &SubType) -> ValueForm {
    match sub_type.as_str() {
        "ip" | "ipv4" | "ipv6" => ValueForm::Address,
        "hostname" | "domain" => ValueForm::Host,
        "url" => ValueForm::Url,
        "email_addr" => ValueForm::Mail,
        "port" => ValueForm::Port,
        "height" | "width" | "command_count" | "confidence" => ValueForm::Whole,
        "success" => ValueForm::TrueOrFalse,
        "asn" => ValueForm::Asn,
        "cidr" => ValueForm::Network,
        "cve_id" => ValueForm::Cve,
        "country_code2" => ValueForm::Country,
        "behaviour" => ValueForm::Hex(24),
        "hassh" | "hasshserver" | "ja3" | "md5" | "imphash" => ValueForm::Hex(32),
        "sha1" => ValueForm::Hex(40),
        "sha224" | "sha3_224" | "sha512_224" => ValueForm::Hex(56),
        "jarm" => ValueForm::Hex(62),
        "sha256" | "sha3_256" | "sha512_256" => ValueForm::Hex(64),
        "sha384" | "sha3_384" => ValueForm::Hex(96),
        "sha512" | "sha3_512" => ValueForm::Hex(128),
        "mime_type" => ValueForm::Lower,
        "protocol" | "method" => ValueForm::AnyCase,
        name => match OF_MISP.get(name) {
            Some(true) => ValueForm::Lower,
            Some(false) | None => ValueForm::Text,
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
