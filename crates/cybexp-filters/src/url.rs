//! What a URL tells about hosts: hostname or address, and registered domain.
//!
//! A mail, a feed and a honeypot download rarely share a URL to the letter, but often its host. So every
//! event with a URL also carries these, in unknown context, for a shared host is not malicious.

use std::net::{IpAddr, Ipv6Addr};

use tahoe_core::Attribute;
use url::Host;

use crate::vocab;

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
fn refang(text: &str) -> String {
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(attributes: &[Attribute]) -> Vec<String> {
        let show = |a: &Attribute| format!("{} {}", a.sub_type(), a.data());
        attributes.iter().map(show).collect()
    }

    #[test]
    fn reads_hosts_off_urls() {
        for (url, expected) in [
            (
                "http://www.Example.COM/a?b#c",
                &["hostname www.example.com", "domain example.com"][..],
            ),
            (
                "https://user:pw@a.b.co.uk:8443/x",
                &["hostname a.b.co.uk", "domain b.co.uk"],
            ),
            (
                "hxxps://evil[.]example/kit",
                &["hostname evil.example", "domain evil.example"],
            ),
            (
                "hXXp[:]//www(.)evil[dot]example",
                &["hostname www.evil.example", "domain evil.example"],
            ),
            (
                "hxxp[://]evil{.}example",
                &["hostname evil.example", "domain evil.example"],
            ),
            (
                "http://bücher.example/",
                &[
                    "hostname xn--bcher-kva.example",
                    "domain xn--bcher-kva.example",
                ],
            ),
            (
                "http://www.食狮.公司.cn/",
                &[
                    "hostname www.xn--85x722f.xn--55qx5d.cn",
                    "domain xn--85x722f.xn--55qx5d.cn",
                ],
            ),
            ("http://192.0.2.7:8080/8UsA.sh", &["ipv4 192.0.2.7"]),
            ("http://192[.]0[.]2[.]7/x", &["ipv4 192.0.2.7"]),
            ("http://0x7f.1/", &["ipv4 127.0.0.1"]),
            ("http://[2001:DB8::1]:80/arm7", &["ipv6 2001:db8::1"]),
            ("http://[::ffff:192.0.2.1]/", &["ipv4 192.0.2.1"]),
            ("tftp://192.0.2.7/tftp1.sh", &["ipv4 192.0.2.7"]),
            (
                "tftp://HOST.example/f",
                &["hostname host.example", "domain host.example"],
            ),
            (
                "evil[.]example/path",
                &["hostname evil.example", "domain evil.example"],
            ),
            (
                "evil.example:8080/path",
                &["hostname evil.example", "domain evil.example"],
            ),
            (
                "//cdn.example.net/x",
                &["hostname cdn.example.net", "domain example.net"],
            ),
            (
                "http:\\\\evil.example\\x",
                &["hostname evil.example", "domain evil.example"],
            ),
            (
                "http:///evil.example/x",
                &["hostname evil.example", "domain evil.example"],
            ),
            (
                "http://evil.example./",
                &["hostname evil.example", "domain evil.example"],
            ),
            (
                "http://someone.github.io/",
                &["hostname someone.github.io", "domain someone.github.io"],
            ),
            ("http://github.io/", &["hostname github.io"]),
            ("http://localhost/", &["hostname localhost"]),
            ("2001:db8::5", &["ipv6 2001:db8::5"]),
            ("http://www..example.com/", &[]),
            ("http://evil.example:99999/", &[]),
            ("file:///etc/passwd", &[]),
            ("javascript:alert(1)", &[]),
            ("data:text/html,hi", &[]),
            ("word", &[]),
            ("", &[]),
        ] {
            assert_eq!(shown(&host_attributes(url)), expected, "{url}");
        }
    }

    #[test]
    fn knows_urls_from_other_lines() {
        for url in [
            "http://evil.example/",
            "hxxps[://]evil[.]example",
            "http://www..example.com/",
            "evil.example/login",
            "https://evil.example/a b",
        ] {
            assert!(is_url(url), "{url}");
        }
        for other in [
            "",
            "# phishing",
            "url",
            "http://",
            "<url><![CDATA[http://evil.example/]]></url>",
            "Rate limit exceeded.",
            "http://evil.example/\u{1b}[31m",
        ] {
            assert!(!is_url(other), "{other:?}");
        }
    }

    #[test]
    fn reads_hosts_that_stand_alone() {
        for (text, host, domain) in [
            (
                "WWW.Example.org",
                "hostname www.example.org",
                Some("domain example.org"),
            ),
            ("203.0.113.80", "ipv4 203.0.113.80", None),
            ("2001:DB8::1", "ipv6 2001:db8::1", None),
            ("::ffff:203.0.113.80", "ipv4 203.0.113.80", None),
            ("localhost", "hostname localhost", None),
        ] {
            let (found, found_domain) = bare_host_attributes(text).expect(text);
            assert_eq!(shown(&[found]), [host]);
            assert_eq!(
                shown(found_domain.as_slice()),
                Vec::from_iter(domain),
                "{text}"
            );
        }
        for text in ["", "two words", "a/b", "host:80", "[", "\0"] {
            assert!(bare_host_attributes(text).is_none(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*", url in "(hxxp|http|tftp)?(:|\\[:\\])?/{0,3}[\\[\\]@:.a0é]*/?.{0,9}") {
            for text in [text, url] {
                host_attributes(&text);
                bare_host_attributes(&text);
                is_url(&text);
                ip_attribute(&text);
            }
        }
    }
}
