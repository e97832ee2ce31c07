//! Addresses and hosts, defanged or not, with ports and labels.

use tahoe_core::Attribute;

use super::reading::Reading;
use super::words;
use crate::{fields, url, vocab};

/// Reads the addresses and networks in a value, each perhaps with a port.
pub(super) fn addresses(value: &str) -> Option<Reading> {
    collect(value, |word| {
        let (address, port) = match address(word) {
            Some(address) => (address, None),
            None => {
                let (address, port) = split_port(word)?;
                (self::address(address)?, Some(port))
            }
        };
        Some((vec![address], port, None))
    })
}

/// Reads the hosts in a value, each perhaps with a port. `more` makes a further attribute of a host's name.
pub(super) fn hosts(value: &str, more: impl Fn(&str) -> Option<Attribute>) -> Option<Reading> {
    collect(value, |word| {
        let (host, domain, port) = match host(word) {
            Some((host, domain)) => (host, domain, None),
            None => {
                let (word, port) = split_port(word)?;
                let (host, domain) = host(word)?;
                (host, domain, Some(port))
            }
        };
        let name = host
            .data()
            .as_str()
            .filter(|_| *host.sub_type() == vocab::HOSTNAME);
        let more = name.and_then(&more);
        let beside =
            domain.filter(|domain| more.as_ref().map(Attribute::hash) != Some(domain.hash()));
        Some((more.into_iter().chain([host]).collect(), port, beside))
    })
}

/// The parse of a word: its attributes, its port, and an attribute for unknown context.
type ParsedWord = (Vec<Attribute>, Option<u16>, Option<Attribute>);

/// Reads a value's words with `found`. A word that it does not read is a label.
fn collect(value: &str, found: impl Fn(&str) -> Option<ParsedWord>) -> Option<Reading> {
    let meant = url::refang(words::short(value)?);
    let words = words::of(&meant)?;
    let mut reading = Reading {
        has_label: words.has_label,
        ..Reading::default()
    };
    // `203.0.113.9|203.0.113.10`, but not a port behind the bar
    let parts = |word| {
        let bars: &[char] = if split_port(word).is_none() {
            &['|']
        } else {
            &[]
        };
        word.split(bars).filter(|part| !part.is_empty())
    };
    let said = || words::split(words.said).flat_map(parts);
    let is_one = said().nth(1).is_none();
    for word in said() {
        // in a value of several words, a word without a dot is a label: `evil.example C2`
        let found = found(word).filter(|_| is_one || word.contains(['.', ':']));
        match found {
            Some((values, number, beside)) => {
                reading.values.extend(values);
                reading
                    .with
                    .extend(number.map(|port| Attribute::new(vocab::PORT, i64::from(port))));
                reading.beside.extend(beside);
            }
            None => reading.has_label = true,
        }
    }
    (!reading.values.is_empty()).then_some(reading)
}

/// Reads an address or network, in brackets or not; an address' zone is dropped.
fn address(word: &str) -> Option<Attribute> {
    let bare = word
        .strip_prefix('[')
        .and_then(|word| word.strip_suffix(']'));
    let bare = bare.unwrap_or(word);
    let (bare, _zone) = bare.split_once('%').unwrap_or((bare, ""));
    url::ip_attribute(bare).or_else(|| network(bare))
}

/// Reads a network. One that holds a single address becomes that address.
fn network(word: &str) -> Option<Attribute> {
    let (address, bits) = word.split_once('/')?;
    let address = url::ip_attribute(address)?;
    let longest = match *address.sub_type() == vocab::IPV4 {
        true => 32,
        false => 128,
    };
    match bits.parse::<u8>().ok()? {
        bits if bits == longest => Some(address),
        bits if bits < longest => fields::cidr(word),
        _ => None,
    }
}

/// Reads a host (a name, an address, or that of a URL) and its registered domain.
fn host(word: &str) -> Option<(Attribute, Option<Attribute>)> {
    if let Some(address) = address(word) {
        return Some((address, None));
    }
    let name = word.trim_start_matches("*.").trim_start_matches('.');
    let is_number = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_number {
        // the URL standard would read `443` and `107.183.86` as addresses
        return None;
    }
    if let Some(found) = url::bare_host_attributes(name) {
        return Some(found);
    }
    if !name.contains('/') {
        return None;
    }
    let mut hosts = url::host_attributes(name).into_iter();
    Some((hosts.next()?, hosts.next()))
}

/// Splits a port off: `203.0.113.9:443`, `[2001:db8::1]:443`, `evil.example:8443`, also with `|` for the colon.
fn split_port(word: &str) -> Option<(&str, u16)> {
    let (host, port) = word.rsplit_once(['|', ':'])?;
    let port = port.split('/').next()?.parse().ok()?;
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(reading: Option<Reading>) -> Vec<String> {
        let Some(reading) = reading else {
            return Vec::new();
        };
        let text = |attribute: &Attribute| format!("{}={}", attribute.sub_type(), attribute.data());
        let with = reading.with.iter().map(|a| format!("with {}", text(a)));
        let label = reading.has_label.then(|| "label".to_owned());
        let values = reading.values.iter().map(text);
        values.chain(with).chain(label).collect()
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (value, expected) in [
            ("203.0.113.9", &["ipv4=203.0.113.9"][..]),
            ("203[.]0[.]113[.]9", &["ipv4=203.0.113.9"]),
            ("203.0.113.9/32", &["ipv4=203.0.113.9"]),
            ("203.0.113.0/24", &["cidr=203.0.113.0/24"]),
            ("203.0.113.0/33", &[]),
            ("203.0.113.9:443", &["ipv4=203.0.113.9", "with port=443"]),
            ("203.0.113.9|443", &["ipv4=203.0.113.9", "with port=443"]),
            (
                "203.0.113.9:443/tcp",
                &["ipv4=203.0.113.9", "with port=443"],
            ),
            ("2001:DB8::1", &["ipv6=2001:db8::1"]),
            ("2001[:]db8::1", &["ipv6=2001:db8::1"]),
            ("[2001:db8::1]:443", &["ipv6=2001:db8::1", "with port=443"]),
            ("fe80::1%eth0", &["ipv6=fe80::1"]),
            ("203.0.113.9 (DC01)", &["ipv4=203.0.113.9", "label"]),
            ("203.0.113.9(C2)", &["ipv4=203.0.113.9", "label"]),
            ("203.0.113.9 - C2 server", &["ipv4=203.0.113.9", "label"]),
            ("203.0.113.9 # 203.0.113.10", &["ipv4=203.0.113.9", "label"]),
            ("203.0.113.9 C2", &["ipv4=203.0.113.9", "label"]),
            ("C2: 203.0.113.9", &["ipv4=203.0.113.9", "label"]),
            (
                "203.0.113.9, 203.0.113.10",
                &["ipv4=203.0.113.9", "ipv4=203.0.113.10"],
            ),
            (
                "203.0.113.9|203.0.113.10",
                &["ipv4=203.0.113.9", "ipv4=203.0.113.10"],
            ),
            ("203.0.113.9')", &["ipv4=203.0.113.9"]),
            ("107.183.86", &[]),
            ("999.0.113.9", &[]),
            ("dynamic", &[]),
        ] {
            assert_eq!(shown(addresses(value)), expected, "{value}");
        }
    }

    #[test]
    fn hosts_are_read_as_people_write_them() {
        for (value, expected) in [
            ("Evil.example.", &["hostname=evil.example"][..]),
            ("evil[.]example", &["hostname=evil.example"]),
            ("localhost", &["hostname=localhost"]),
            (
                "www.evil.example:8443",
                &["hostname=www.evil.example", "with port=8443"],
            ),
            ("*.evil.example", &["hostname=evil.example"]),
            ("evil.example (C2)", &["hostname=evil.example", "label"]),
            ("evil.example C2", &["hostname=evil.example", "label"]),
            (
                "a.example; b.example",
                &["hostname=a.example", "hostname=b.example"],
            ),
            ("hxxp://evil.example/x", &["hostname=evil.example"]),
            ("evil.example/x", &["hostname=evil.example"]),
            ("203.0.113.9", &["ipv4=203.0.113.9"]),
            ("443", &[]),
            ("", &[]),
        ] {
            assert_eq!(shown(hosts(value, |_| None)), expected, "{value}");
        }
    }
}
