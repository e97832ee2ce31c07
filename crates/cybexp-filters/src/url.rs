//! What a URL tells about hosts: hostname or address, and registered domain.
//!
//! A mail, a feed and a honeypot download rarely share a URL to the letter, but often its host. So every
//! event with a URL also carries these, in unknown context, for a shared host is not malicious.

mod find;

use std::net::{IpAddr, Ipv6Addr};

use tahoe_core::Attribute;
use url::Host;

use crate::vocab;
pub(crate) use find::find;

/// Longer than any scheme and authority that can name a host; what follows them is not looked at.
const HEAD_BYTES: usize = 2048;

/// The attributes that an event carries beside the `url` as seen: hostname and domain, or ipv4 or ipv6.
///
/// Defanged forms (`hxxp://`, `[.]`) are read as what they mean. Text in which there is no host gives nothing.
pub fn host_attributes(url: &str) -> Vec<Attribute> {
    let Some(host) = host_of_url(url) else {
        return Vec::new();
    };
    let domain = domain(&host);
    std::iter::once(host_attribute(host))
        .chain(domain)
        .collect()
}

/// Whether a line of a feed is meant to be a URL: it has a scheme, or there is a host in it. Phishers make URLs
/// that no parser takes (`http://www..example.com/`), and those are wanted, too.
pub(crate) fn is_url(text: &str) -> bool {
    let meant = refang(head(text));
    let has_scheme = match split_scheme(&meant) {
        (Some(_), rest) => !rest.trim_start_matches(['/', '\\']).is_empty(),
        (None, _) => false,
    };
    !text.contains(char::is_control) && (has_scheme || host_of_url(text).is_some())
}

/// Whether a text begins as a URL of the web does, defanged or not, and has a host.
pub(crate) fn is_absolute(text: &str) -> bool {
    let text = text.trim_start();
    (text.starts_with("//") || find::begins(text)) && host_of_url(text).is_some()
}

/// The ipv4 or ipv6 attribute of an address; `None` when `text` is none.
///
/// An IPv4 address mapped into IPv6 (`::ffff:192.0.2.1`, from a dual-stack listener) is that IPv4 address.
pub fn ip_attribute(text: &str) -> Option<Attribute> {
    Some(address_attribute(text.trim().parse().ok()?))
}

/// A host that stands alone, and its registered domain when it is a name that has one.
pub(crate) fn bare_host_attributes(text: &str) -> Option<(Attribute, Option<Attribute>)> {
    let host = parse_host(&refang(head(text)))?;
    let domain = domain(&host);
    Some((host_attribute(host), domain))
}

fn address_attribute(ip: IpAddr) -> Attribute {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Attribute::new(vocab::IPV4, ip.to_string()),
        IpAddr::V6(ip) => Attribute::new(vocab::IPV6, ip.to_string()),
    }
}

fn host_attribute(host: Host) -> Attribute {
    match host {
        Host::Domain(name) => Attribute::new(vocab::HOSTNAME, name),
        Host::Ipv4(ip) => address_attribute(ip.into()),
        Host::Ipv6(ip) => address_attribute(ip.into()),
    }
}

fn domain(host: &Host) -> Option<Attribute> {
    let Host::Domain(name) = host else {
        return None;
    };
    psl::domain_str(name).map(|domain| Attribute::new(vocab::DOMAIN, domain))
}

fn host_of_url(url: &str) -> Option<Host> {
    let text = refang(head(url));
    let (scheme, rest) = split_scheme(&text);
    let rest = match scheme {
        // Browsers take any number of slashes, of either kind, before the host of these.
        Some("http" | "https" | "hxxp" | "hxxps" | "ftp" | "fxp" | "ws" | "wss") => {
            rest.trim_start_matches(['/', '\\'])
        }
        Some(_) => rest.strip_prefix("//")?,
        None => rest.trim_start_matches("//"),
    };
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host_and_port = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = parse_host(without_port(host_and_port)?)?;
    // Without a scheme any word might be a host; one with a dot in it is.
    match (&host, scheme) {
        (Host::Domain(name), None) if !name.contains('.') => None,
        _ => Some(host),
    }
}

/// The scheme in lower case, when what stands before the first colon can be one and slashes follow.
fn split_scheme(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((scheme, rest))
            if rest.starts_with(['/', '\\'])
                && scheme.starts_with(|c: char| c.is_ascii_lowercase())
                && scheme
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) =>
        {
            (Some(scheme), rest)
        }
        _ => (None, text),
    }
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

/// A host as the URL standard reads it: percent-decoded, IDNA, any way of writing an IPv4 address.
fn parse_host(text: &str) -> Option<Host> {
    match Host::parse(text).ok()? {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            let is_dns = name.len() <= 253 && name.split('.').all(|l| (1..=63).contains(&l.len()));
            is_dns.then(|| Host::Domain(name.to_owned()))
        }
        host @ (Host::Ipv4(_) | Host::Ipv6(_)) => Some(host),
    }
}

/// The start of `text`, without the white space around it.
fn head(text: &str) -> &str {
    let text = text.trim();
    &text[..text.floor_char_boundary(HEAD_BYTES)]
}

/// What a defanged text means, in lower case: good for reading a host off it, not for keeping.
pub(crate) fn refang(text: &str) -> String {
    let mut text = text.to_lowercase();
    for (defanged, meant) in [
        ("[://]", "://"),
        ("[:]", ":"),
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("[@]", "@"),
        ("[at]", "@"),
    ] {
        if text.contains(defanged) {
            text = text.replace(defanged, meant);
        }
    }
    // `2001[:]db8::1` has lost the brackets that a URL needs, and a bare address never had them.
    match text.parse::<Ipv6Addr>() {
        Ok(ip) => format!("[{ip}]"),
        Err(_) => text,
    }
}

#[cfg(test)]
mod tests;
