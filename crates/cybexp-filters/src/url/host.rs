//! The host that a URL leads to, or that stands alone.

use std::net::Ipv6Addr;

use url::Host;

use super::refang::refang;
use super::scheme;

/// Longer than any scheme and authority that can name a host; what follows them is not looked at.
const HEAD_BYTES: usize = 2048;

/// Schemes in front of the scheme that counts: `http://http://evil.example`, as people mistype.
const REPEATED_SCHEMES: usize = 3;

/// The host of a URL, defanged or not. Without a scheme, a word with a dot in it is one.
pub(super) fn host_of_url(url: &str) -> Option<Host> {
    let mut text = head(url);
    let mut needs_dot = true;
    let mut has_scheme = false;
    for _ in 0..=REPEATED_SCHEMES {
        let Some(start) = scheme::start(text) else {
            break;
        };
        let rest = &text[start.authority..];
        text = rest.trim_start();
        let is_spaced = text.len() < rest.len();
        if start.is_web {
            text = text.trim_start_matches(['/', '\\']);
        }
        needs_dot = !start.is_plain || is_spaced;
        has_scheme = true;
    }
    let meant = refang(text);
    let authority = match other_scheme(&meant) {
        Some(rest) if !has_scheme => {
            needs_dot = false;
            rest.strip_prefix("//")?
        }
        _ => meant.trim_start_matches("//"),
    };
    let end = authority.find(['/', '\\', '?', '#']);
    let authority = &authority[..end.unwrap_or(authority.len())];
    let host_and_port = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    // `http://[evil.example`: the other half of a bracket that is only there to break the link.
    let host_and_port = match host_and_port.strip_prefix(['[', '(', '{']) {
        Some(inner) if !inner.contains([']', ')', '}']) => inner,
        _ => host_and_port,
    };
    let host = match host_and_port.parse::<Ipv6Addr>() {
        // `2001[:]db8::1` has lost the brackets that a URL needs, and a bare address never had them.
        Ok(ip) => Host::Ipv6(ip),
        Err(_) => parse_host(without_port(host_and_port)?)?,
    };
    match &host {
        Host::Domain(name) if needs_dot && !name.contains('.') => None,
        // A number is an address for a browser, but in a text it is a number.
        Host::Ipv4(_) if needs_dot && !has_scheme && !host_and_port.contains('.') => None,
        _ => Some(host),
    }
}

/// A host that stands alone, defanged or not, without a port.
pub(super) fn bare_host(text: &str) -> Option<Host> {
    let meant = refang(head(text));
    match meant.parse::<Ipv6Addr>() {
        Ok(ip) => Some(Host::Ipv6(ip)),
        Err(_) => parse_host(&meant),
    }
}

/// The rest of a text that begins with any scheme and a slash, from that slash on.
pub(super) fn other_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = rest.starts_with(['/', '\\'])
        && scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    is_scheme.then_some(rest)
}

/// Suffixes that nobody registers names below, but that lead somewhere, or stand in documentation (RFC 2606, RFC 7686).
const OTHER_SUFFIXES: [&str; 6] = ["bit", "example", "i2p", "invalid", "onion", "test"];

/// Whether a text, defanged or not, is a name that ends in a suffix of the public suffix list.
pub(crate) fn has_known_suffix(text: &str) -> bool {
    let Some(Host::Domain(name)) = bare_host(text) else {
        return false;
    };
    let Some((_, last)) = name.rsplit_once('.') else {
        return false;
    };
    let suffix = psl::suffix(name.as_bytes());
    suffix.is_some_and(|suffix| suffix.is_known()) || OTHER_SUFFIXES.contains(&last)
}

fn without_port(host_and_port: &str) -> Option<&str> {
    let port_at = match host_and_port.rfind(']') {
        Some(bracket) => host_and_port[bracket..].find(':').map(|at| bracket + at),
        None => host_and_port.find(':'),
    };
    match port_at {
        None => Some(host_and_port),
        Some(at) => {
            let port = &host_and_port[at + 1..];
            let is_port = port.is_empty() || port.parse::<u16>().is_ok();
            is_port.then_some(&host_and_port[..at])
        }
    }
}

/// A host as the URL standard reads it: percent-decoded, IDNA, any way of writing an IPv4 address. Of names those
/// that can be in the DNS: the standard also lets `www.ev=il.example` pass.
fn parse_host(text: &str) -> Option<Host> {
    match Host::parse(text).ok()? {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            let is_dns = name.len() <= 253
                && name.split('.').all(|label| {
                    (1..=63).contains(&label.len())
                        && label
                            .bytes()
                            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                });
            is_dns.then(|| Host::Domain(name.to_owned()))
        }
        host @ (Host::Ipv4(_) | Host::Ipv6(_)) => Some(host),
    }
}

/// The start of `text`, without the white space around it.
pub(super) fn head(text: &str) -> &str {
    let text = text.trim();
    &text[..text.floor_char_boundary(HEAD_BYTES)]
}
