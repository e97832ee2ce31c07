//! The hosts of URLs: hostname or address, and registered domain.
//!
//! A mail, a feed and a honeypot download rarely have exactly the same URL, but often the same host. So every event
//! with a URL also carries its host, in unknown context, because a shared host is not malicious.

mod end;
mod find;
mod host;
mod refang;
mod scheme;
mod words;

use std::net::IpAddr;

use tahoe_core::Attribute;
use url::Host;

use crate::vocab;
pub(crate) use end::Language;
pub(crate) use find::{find, spans};
pub(crate) use host::has_known_suffix;
use host::{bare_host, head, host_of_url, other_scheme};
pub(crate) use refang::refang;

/// The longest URL found in a text that is kept, in bytes. Of a longer one only the host is kept: few servers take it, and
/// a few hundred of them in a mail would be longer than an answer.
pub(crate) const KEPT_BYTES: usize = 2048;

/// Returns the attributes that an event carries beside the `url` as seen: hostname and domain, or ipv4 or ipv6.
///
/// Defanged forms (`hxxp://`, `[.]`) are undone. A text without a host gives no attributes.
///
/// ```
/// use cybexp_filters::url::host_attributes;
///
/// let found = host_attributes("hxxp://login[.]evil[.]example/x");
/// assert_eq!(found[0].sub_type().as_str(), "hostname");
/// assert_eq!(found[0].data().as_str(), Some("login.evil.example"));
/// ```
pub fn host_attributes(url: &str) -> Vec<Attribute> {
    let Some(host) = host_of_url(url) else {
        return Vec::new();
    };
    let domain = domain(&host);
    std::iter::once(host_attribute(host))
        .chain(domain)
        .collect()
}

/// Whether a line of a feed is meant to be a URL: it has a scheme, or there is a host in it. Phishers make URLs that no
/// parser accepts (`http://www..example.com/`), and these are kept, too.
pub(crate) fn is_url(text: &str) -> bool {
    let text = text.trim();
    let meant = refang(head(text));
    let rest = match scheme::start(text) {
        Some(start) => &text[start.authority..],
        None => other_scheme(&meant).unwrap_or_default(),
    };
    let has_scheme = !rest.trim_start_matches(['/', '\\']).is_empty();
    !text.contains(char::is_control) && (has_scheme || host_of_url(text).is_some())
}

/// Whether a text, defanged or not, begins with a scheme of the web and has a host.
pub(crate) fn is_absolute(text: &str) -> bool {
    let text = text.trim_start();
    (text.starts_with("//") || scheme::start(text).is_some()) && host_of_url(text).is_some()
}

/// The ipv4 or ipv6 attribute of an address; `None` when `text` is none.
///
/// An IPv4 address mapped into IPv6 (`::ffff:192.0.2.1`, from a dual-stack listener) is that IPv4 address. The zone of
/// an IPv6 address (`fe80::1%eth0`) names an interface of the sensor, and is left out.
///
/// ```
/// use cybexp_filters::url::ip_attribute;
///
/// assert_eq!(ip_attribute("::ffff:203.0.113.9").unwrap().sub_type().as_str(), "ipv4");
/// assert!(ip_attribute("evil.example").is_none());
/// ```
pub fn ip_attribute(text: &str) -> Option<Attribute> {
    let text = text.trim();
    let address = match text.split_once('%') {
        Some((address, zone)) if address.contains(':') && !zone.is_empty() => address,
        _ => text,
    };
    Some(address_attribute(address.parse().ok()?))
}

/// Reads a host that stands alone, with its registered domain if it is a name that has one.
pub(crate) fn bare_host_attributes(text: &str) -> Option<(Attribute, Option<Attribute>)> {
    let host = bare_host(text)?;
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

#[cfg(test)]
mod tests;
