//! Values that formats know: addresses, networks, hosts, URLs, digests. A value is read once and then is what it says.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tahoe_core::Scalar;
use url::{Host, Url};

/// The most bytes of a host name, without the dot at its end.
const HOST: usize = 253;
/// The most bytes of a URL or mail address that leaves.
const LONG: usize = 8192;

/// A value of a feed, as far as formats know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An address.
    Address(IpAddr),
    /// A network.
    Network(Network),
    /// A host name in ASCII and lower case, of at least two labels.
    Host(String),
    /// A URL in ASCII, as it was seen if it was one.
    Url(String),
    /// A mail address.
    Mail(String),
    /// The digest of a file, in lower case.
    Digest(Digest, String),
    /// Another value, or one that is none of its sub_type.
    Other,
}

/// A network: its address, with all bits behind the prefix cleared, and the length of the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The first address.
    pub address: IpAddr,
    /// The number of bits of the prefix.
    pub prefix: u8,
}

/// The algorithm of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Digest {
    /// Returns the algorithm of a sub_type.
    pub fn of(sub_type: &str) -> Option<Self> {
        Some(match sub_type {
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha256" => Self::Sha256,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl Kind {
    /// Reads a value of a sub_type.
    pub fn of(sub_type: &str, data: &Scalar) -> Self {
        let Some(text) = data.as_str() else {
            return Self::Other;
        };
        let text = text.trim();
        let read = match sub_type {
            "ipv4" => text
                .parse::<Ipv4Addr>()
                .ok()
                .map(|ip| Self::Address(ip.into())),
            "ipv6" => text
                .parse::<Ipv6Addr>()
                .ok()
                .map(|ip| Self::Address(ip.into())),
            "cidr" => Network::read(text).map(Self::Network),
            "hostname" | "domain" => host(text).map(Self::Host),
            "url" => url(text).map(Self::Url),
            "email_addr" => is_mail(text).then(|| Self::Mail(text.to_owned())),
            _ => Digest::of(sub_type).and_then(|digest| {
                let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
                let lower = || Self::Digest(digest, text.to_ascii_lowercase());
                (is_hex && text.len() == digest.digits()).then(lower)
            }),
        };
        read.unwrap_or(Self::Other)
    }
}

impl Network {
    fn read(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let is_number = prefix.bytes().all(|byte| byte.is_ascii_digit()) && prefix.len() <= 3;
        let prefix: u8 = is_number.then(|| prefix.parse().ok())??;
        let clear = |bits: u32| bits - u32::from(prefix);
        let address = match address.parse().ok()? {
            IpAddr::V4(ip) if prefix <= 32 => {
                let mask = u32::MAX.checked_shl(clear(32)).unwrap_or(0);
                IpAddr::V4((ip.to_bits() & mask).into())
            }
            IpAddr::V6(ip) if prefix <= 128 => {
                let mask = u128::MAX.checked_shl(clear(128)).unwrap_or(0);
                IpAddr::V6((ip.to_bits() & mask).into())
            }
            _ => return None,
        };
        Some(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Returns a host name in ASCII (IDNA) and lower case, if it is one that DNS can hold.
fn host(text: &str) -> Option<String> {
    if text.len() > 4 * HOST {
        return None;
    }
    let Ok(Host::Domain(name)) = Host::parse(text.trim_end_matches('.')) else {
        return None;
    };
    let label = |label: &str| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(letters)
    };
    let is_name = name.len() <= HOST && name.contains('.') && name.split('.').all(label);
    is_name.then_some(name)
}

/// Returns a URL in ASCII: as it was seen if it is a URI, and else with what is none escaped.
fn url(text: &str) -> Option<String> {
    if text.len() > LONG {
        return None;
    }
    let read = Url::parse(text).ok()?;
    let is_uri = |text: &str| {
        let allowed = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
        text.bytes().all(allowed)
    };
    let escaped = |text: &str| {
        let escape = |c: char| match c {
            '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => format!("%{:02X}", c as u32),
            _ => c.to_string(),
        };
        text.chars().map(escape).collect::<String>()
    };
    let url = match is_uri(text) {
        true => text.to_owned(),
        false => escaped(read.as_str()),
    };
    (is_uri(&url) && url.len() <= LONG).then_some(url)
}

fn is_mail(text: &str) -> bool {
    let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
    let parts = text.rsplit_once('@');
    let whole = parts.is_some_and(|(local, domain)| {
        let plain = !local.is_empty() && !local.contains(['@', '"', '<', '>', ',', ';', '\\']);
        plain && host(domain).is_some()
    });
    graphic && text.len() <= 320 && whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(sub_type: &str, text: &str) -> Kind {
        Kind::of(sub_type, &text.into())
    }

    #[test]
    fn hosts_are_in_ascii_or_left_out() {
        let host = |name: &str| Kind::Host(name.to_owned());
        assert_eq!(kind("hostname", "Evil.Example."), host("evil.example"));
        assert_eq!(
            kind("domain", "bücher.example"),
            host("xn--bcher-kva.example")
        );
        assert_eq!(
            kind("hostname", "_dmarc.evil.example"),
            host("_dmarc.evil.example")
        );
        for none in [
            "evil.example\n0.0.0.0 bank.example",
            "evil.example;drop",
            "localhost",
            "203.0.113.9",
            "*.example",
            "a..example",
            "",
            "ev\"il.example",
            &"a".repeat(5_000_000),
            &format!("{}.example", "a".repeat(64)),
            &"a.".repeat(140),
        ] {
            assert_eq!(kind("hostname", none), Kind::Other);
        }
    }

    #[test]
    fn networks_have_their_first_address() {
        let text = |text| match kind("cidr", text) {
            Kind::Network(network) => network.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(text("203.0.113.9/24"), "203.0.113.0/24");
        assert_eq!(text("203.0.113.9/0"), "0.0.0.0/0");
        assert_eq!(text("2001:db8::1/64"), "2001:db8::/64");
        for none in [
            "203.0.113.9",
            "203.0.113.9/33",
            "203.0.113.9/+8",
            "::/129",
            "/",
        ] {
            assert_eq!(text(none), "Other");
        }
    }

    #[test]
    fn urls_are_kept_as_they_were_seen_or_escaped() {
        let url = |text: &str| Kind::Url(text.to_owned());
        let seen = "http://EVIL.example/a?b='c';d";
        assert_eq!(kind("url", seen), url(seen));
        let escaped = url("http://evil.example/a%20b%7C%22");
        assert_eq!(kind("url", "http://evil.example/a b|\""), escaped);
        assert_eq!(kind("url", "evil.example/a"), Kind::Other);
        let lines = url("http://evil.example/ab");
        assert_eq!(
            kind("url", "http://evil.example/a\nb"),
            lines,
            "as browsers read it"
        );
    }

    #[test]
    fn digests_have_their_length() {
        let md5 = "D41D8CD98F00B204E9800998ECF8427E";
        let read = Kind::Digest(Digest::Md5, md5.to_lowercase());
        assert_eq!(kind("md5", md5), read);
        assert_eq!(kind("sha1", md5), Kind::Other);
        assert_eq!(kind("ipv4", "2001:db8::1"), Kind::Other);
        assert_eq!(
            kind("email_addr", "jdoe@evil.example"),
            Kind::Mail("jdoe@evil.example".into())
        );
        assert_eq!(kind("email_addr", "a@b@evil.example"), Kind::Other);
    }
}
