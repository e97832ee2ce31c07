//! Which machine a mail was sent from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tahoe_core::Attribute;

use super::header::Headers;
use crate::url;

/// What the sending server says it is (`X-Mailgun-Sending-Ip`, else `X-Originating-IP`), else the first public
/// address that the first server on the way wrote down. Each server puts its Received field on top.
pub(super) fn address(headers: &Headers<'_>) -> Option<Attribute> {
    let said = ["X-Mailgun-Sending-Ip", "X-Originating-IP"]
        .into_iter()
        .flat_map(|name| headers.all(name))
        .find_map(|value| addresses(value).next());
    let seen = || {
        let earliest = headers.all("Received").next_back()?;
        addresses(earliest).find(|ip| is_public(*ip))
    };
    let ip = said.or_else(seen)?;
    url::ip_attribute(&ip.to_string())
}

/// The addresses in a text: bare, in brackets, as `[IPv6:…]`, with a port.
fn addresses(text: &str) -> impl Iterator<Item = IpAddr> {
    let around = |c: char| c.is_whitespace() || "()[]<>;,=\"'".contains(c);
    text.split(around).filter_map(|word| {
        let word = match word.split_at_checked(5) {
            Some((tag, rest)) if tag.eq_ignore_ascii_case("IPv6:") => rest,
            _ => word,
        };
        let with_port = || Some(word.parse::<SocketAddr>().ok()?.ip());
        let ip = word.parse::<IpAddr>().ok().or_else(with_port)?;
        Some(ip.to_canonical())
    })
}

/// Whether an address means the same machine everywhere. Those of documentation count as public: they occur
/// in no real mail, and in every example.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.segments() {
            // 6to4: Google's servers call themselves so, after addresses of their own network.
            [0x2002, high, low, ..] => {
                let [a, b] = high.to_be_bytes();
                let [c, d] = low.to_be_bytes();
                is_public_v4(Ipv4Addr::new(a, b, c, d))
            }
            // 2000::/3 is all that is given out.
            [first, ..] => first & 0xe000 == 0x2000,
        },
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    // 100.64.0.0/10 stands between a provider and its customers, 198.18.0.0/15 is for benchmarks.
    let shared = a == 100 && b & 0xc0 == 64;
    let benchmark = a == 198 && b & 0xfe == 18;
    !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared || benchmark)
        && (1..224).contains(&a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_public_addresses() {
        for (ip, public) in [
            ("8.8.8.8", true),
            ("203.0.113.7", true),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.0.1", false),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("100.64.0.1", false),
            ("198.18.0.1", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2a00:1450::1", true),
            ("2001:db8::1", true),
            ("2002:a05:6504::1", false),
            ("2002:808:808::1", true),
            ("::1", false),
            ("fe80::1", false),
            ("fd00::1", false),
        ] {
            assert_eq!(is_public(ip.parse().unwrap()), public, "{ip}");
        }
    }

    #[test]
    fn finds_addresses_in_a_received_field() {
        let field = "from [192.168.1.9] (helo=x [IPv6:2001:db8::9]) by mx.example (198.51.100.4:25)\n\tid 1; 10:00:00";
        let found: Vec<String> = addresses(field).map(|ip| ip.to_string()).collect();
        assert_eq!(found, ["192.168.1.9", "2001:db8::9", "198.51.100.4"]);
    }
}
