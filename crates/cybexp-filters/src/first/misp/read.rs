//! Reading a value: one spelling for one thing, whatever its source.
//!
//! MISP checks values when people enter them, but feeds, scripts and old events hold other spellings: defanged, with a
//! port, with a label behind it (`203.0.113.9 (C2)`), several at once.

use tahoe_core::{Attribute, SubType};

use super::reading::Reading;
use super::types::ValueReading;
use super::{address, mailbox, words};
use crate::{fields, url};

/// Reads a value; `None` if it does not agree with its type.
pub(super) fn read(name: SubType, how: ValueReading, value: &str) -> Option<Reading> {
    match how {
        ValueReading::Text => Some(Reading::one(Attribute::new(name, value))),
        ValueReading::Lower => Some(lower(name, value)),
        ValueReading::Ip => address::addresses(value),
        ValueReading::Host => address::hosts(value, |_| None),
        ValueReading::Domain => {
            address::hosts(value, |host| Some(Attribute::new(name.clone(), host)))
        }
        ValueReading::Url => Some(url(name, value)),
        ValueReading::Email => mailbox::mailboxes(value),
        ValueReading::Port => ports(name, value),
        ValueReading::Asn => Some(Reading::one(fields::asn(value)?)),
        ValueReading::Cve => cves(name, value),
    }
}

/// The fewest digits of a digest that may have a label: those of MD5.
const DIGEST_DIGITS: usize = 32;

/// Makes a value lower case. Only the digest is kept of a digest with a label behind it.
fn lower(name: SubType, value: &str) -> Reading {
    let first = value.split(|c: char| c.is_whitespace() || c == '(').next();
    let digest = first
        .filter(|word| word.len() >= DIGEST_DIGITS && word.bytes().all(|b| b.is_ascii_hexdigit()));
    let digest = digest.unwrap_or(value);
    Reading {
        has_label: digest.len() < value.len(),
        ..Reading::one(Attribute::new(name, digest.to_lowercase()))
    }
}

/// Reads a URL and its host. The URL is kept as seen, without a label in brackets behind it.
fn url(name: SubType, value: &str) -> Reading {
    let label = value
        .ends_with(')')
        .then(|| value.rsplit_once(" ("))
        .flatten();
    let (seen, has_label) = match label {
        Some((seen, _)) if url::is_url(seen.trim_end()) => (seen.trim_end(), true),
        _ => (value, false),
    };
    Reading {
        beside: url::host_attributes(seen),
        has_label,
        ..Reading::one(Attribute::new(name, seen))
    }
}

/// Reads ports: `443`, `443/tcp`, `80, 8080`.
fn ports(name: SubType, value: &str) -> Option<Reading> {
    let mut reading = Reading::default();
    let words = words::of(value)?;
    for word in words.said.split('/').flat_map(words::split) {
        if ["tcp", "udp"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
        {
            reading.has_label = true;
            continue;
        }
        let port: u16 = word.parse().ok()?;
        reading
            .values
            .push(Attribute::new(name.clone(), i64::from(port)));
    }
    reading.has_label |= words.has_label;
    (!reading.values.is_empty()).then_some(reading)
}

/// Reads CVE identifiers, in upper case.
fn cves(name: SubType, value: &str) -> Option<Reading> {
    let words = words::of(value)?;
    let mut reading = Reading {
        has_label: words.has_label,
        ..Reading::default()
    };
    for word in words::split(words.said) {
        let upper = word.to_ascii_uppercase();
        match upper.starts_with("CVE-") {
            true => reading.values.push(Attribute::new(name.clone(), upper)),
            false => reading.has_label = true,
        }
    }
    (!reading.values.is_empty()).then_some(reading)
}
