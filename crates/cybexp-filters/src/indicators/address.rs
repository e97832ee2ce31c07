//! Addresses and networks. Four numbers with dots count as an address only if they are no version and no object
//! identifier.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use tahoe_core::Attribute;

use crate::{fields, url};

/// Words that stand before a version number.
const VERSION_WORDS: [&str; 10] = [
    "version", "versions", "ver", "v", "vers", "release", "build", "rev", "firmware", "oid",
];
/// Length in bytes of the text before a number that is searched for these words; each is shorter, with the space behind
/// it.
const BEFORE_BYTES: usize = 16;

/// Returns the addresses in a word of a text.
pub(super) fn read(text: &str, token: Range<usize>) -> impl Iterator<Item = Attribute> + '_ {
    let word = &text[token.clone()];
    let v6 = v6(word);
    let v4 = match &v6 {
        Some(_) => None,
        None => Some(v4(text, token)),
    };
    v6.into_iter().chain(v4.into_iter().flatten())
}

/// Reads an IPv6 address: `2001:db8::1`, `[2001:db8::1]:80`, `fe80::1%eth0`, `2001[:]db8::1`.
fn v6(word: &str) -> Option<Attribute> {
    word.matches(':').nth(1)?;
    let word = word.trim_matches(['.', '(', ')', '{', '}', '-', '_', '+']);
    let meant = url::refang(word);
    let inner = match meant.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => meant.trim_end_matches([':', ']']),
    };
    let inner = inner.split('%').next()?;
    let ip: Ipv6Addr = inner.parse().ok()?;
    is_plausible(ip).then(|| url::ip_attribute(&ip.to_string()))?
}

/// Whether an address is in a range that hosts have. Times, names of code (`a::b`) and key fingerprints are in none.
fn is_plausible(ip: Ipv6Addr) -> bool {
    let first = ip.segments()[0];
    let is_global = (0x2000..0x4000).contains(&first);
    let is_mapped = ip.to_ipv4_mapped().is_some_and(tells_something);
    is_global || is_mapped || ip.is_unique_local() || ip.is_unicast_link_local() || first == 0x64
}

/// Returns the IPv4 addresses in a word, such as `addr:192.0.2.1:80` or `192.0.2.1-192.0.2.9`.
fn v4(text: &str, token: Range<usize>) -> impl Iterator<Item = Attribute> + '_ {
    let word = &text[token.clone()];
    let mut at = token.start;
    let mut after_quad = false;
    word.split([':', '-', '@', '[', ']', '(', ')', '{', '}', '%'])
        .filter_map(move |part| {
            let start = at;
            at += part.len() + 1;
            let part = part.trim_end_matches(['.', '_', '+']);
            let end = start + part.len();
            let after = std::mem::replace(&mut after_quad, false);
            let ip: Ipv4Addr = part.parse().ok()?;
            after_quad = true;
            let (before, rest) = (&text[..start], &text[end..]);
            if is_version(before, after) || rest.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                return None;
            }
            match network(before, rest) {
                Some(32) | None => tells_something(ip)
                    .then(|| url::ip_attribute(&ip.to_string()))
                    .flatten(),
                Some(bits) => fields::cidr(&format!("{ip}/{bits}")),
            }
        })
}

/// Reads the bits of `/24`. Behind `/dev/tcp/` a port follows instead.
fn network(before: &str, rest: &str) -> Option<u8> {
    let digits = rest.strip_prefix('/')?;
    let length = digits
        .bytes()
        .take(3)
        .take_while(u8::is_ascii_digit)
        .count();
    let bits: u8 = digits[..length].parse().ok()?;
    let more =
        digits[length..].starts_with(|c: char| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let is_device = before.ends_with("tcp/") || before.ends_with("udp/");
    (bits <= 32 && !more && !is_device).then_some(bits)
}

/// Whether an address can name one machine: it is not unspecified, loopback, broadcast, multicast or a netmask.
fn tells_something(ip: Ipv4Addr) -> bool {
    let [first, ..] = ip.octets();
    !matches!(first, 0 | 127 | 255) && !IpAddr::V4(ip).is_multicast()
}

/// Whether a number is a version: `product/1.2.3.4`, `lib-1.2.3.4`, `version 1.2.3.4`.
fn is_version(before: &str, after_quad: bool) -> bool {
    let start = before.len().saturating_sub(BEFORE_BYTES);
    let before = &before[before.ceil_char_boundary(start)..];
    match before.chars().next_back() {
        Some('-') => return !after_quad && before.len() > 1 && !before.ends_with(" -"),
        Some('/') => return is_product(&before[..before.len() - 1]),
        Some('.' | '_' | '+') => return true,
        // `name==1.2.3.4`
        Some('=') if before.ends_with("==") => return true,
        _ => {}
    }
    let words = before.trim_end_matches([' ', ':', '=', '"', '\'', '.', '(', '\t']);
    let last = words.rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
    let last = last.unwrap_or_default();
    // `nc -v 192.0.2.1`
    let is_option = words[..words.len() - last.len()].ends_with('-');
    !is_option && VERSION_WORDS.contains(&last.to_ascii_lowercase().as_str())
}

/// Whether a text ends with a product's name: no slash stands before it, and it is no protocol.
fn is_product(before: &str) -> bool {
    let in_front = before.trim_end_matches(|c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+')
    });
    let name = &before[in_front.len()..];
    let after_slash = in_front.ends_with('/');
    let is_word = name.contains(|c: char| c.is_ascii_alphabetic());
    is_word && !after_slash && !["tcp", "udp", "ip"].contains(&name.to_ascii_lowercase().as_str())
}
