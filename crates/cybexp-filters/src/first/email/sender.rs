//! The machine from which a mail was sent.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tahoe_core::Attribute;

use super::header::Headers;
use crate::url;

/// Returns the address that the sending server names (`X-Mailgun-Sending-Ip`, `X-Originating-IP`), if it is public.
/// Else returns the first public one from which a server on the way says that it got the mail. Each server puts its
/// Received field on top, so these are read from the last one up. Without either, a private address that the sending
/// server names is returned.
pub(super) fn address(headers: &Headers<'_>) -> Option<Attribute> {
    let named = || {
        ["X-Mailgun-Sending-Ip", "X-Originating-IP"]
            .into_iter()
            .flat_map(|name| headers.all(name))
            .flat_map(|value| addresses(value).map(|(ip, _)| ip))
    };
    let received = || headers.all("Received").rev().filter_map(origin);
    let is_telling = |ip: &IpAddr| !is_within_outlook(*ip);
    let ip = named()
        .find(|ip| is_public(*ip))
        .or_else(|| received().find(is_telling))
        .or_else(|| noted(headers).find(is_telling))
        .or_else(|| received().next())
        .or_else(|| named().next())?;
    url::ip_attribute(&ip.to_string())
}

/// The addresses that the receiving server notes elsewhere: some mails are stored without their Received fields.
fn noted(headers: &Headers<'_>) -> impl Iterator<Item = IpAddr> {
    let of_sender = headers
        .all("X-Sender-IP")
        .flat_map(|value| addresses(value).map(|(ip, _)| ip));
    let checked = ["Received-SPF", "Authentication-Results"]
        .into_iter()
        .flat_map(|name| headers.all(name))
        .flat_map(|value| {
            ["client-ip=", "sender IP is ", "designate "]
                .iter()
                .filter_map(|before| value.split_once(before))
                .filter_map(|(_, rest)| addresses(rest).next().map(|(ip, _)| ip))
        });
    of_sender.chain(checked).filter(|ip| is_public(*ip))
}

/// Tells whether an address is of 2603:1000::/24, by which the servers of Outlook know each other: all tenants share them.
fn is_within_outlook(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.segments()[0] == 0x2603 && ip.segments()[1] >> 8 == 0x10)
}

/// Returns the public address from which a server got a mail, by its Received field. The address that the server saw
/// mostly stands in parentheses. The one behind `from` or `helo` is a claim of the other side.
fn origin(received: &str) -> Option<IpAddr> {
    let mut claimed = None;
    for (ip, is_claimed) in addresses(from_clause(received)?) {
        if !is_public(ip) {
            continue;
        }
        if !is_claimed {
            return Some(ip);
        }
        claimed = claimed.or(Some(ip));
    }
    claimed
}

/// Returns the text behind `from`, up to the next clause. The later clauses name the receiving server, versions and
/// ids, some of which look like addresses. Clauses begin outside of parentheses: `(Postfix, from userid 0)` is a
/// remark.
fn from_clause(received: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut start = None;
    let mut at = 0;
    for piece in received.split_inclusive(|c: char| c.is_whitespace() || "();".contains(c)) {
        let word = piece.trim_end_matches(|c: char| c.is_whitespace() || "();".contains(c));
        if depth == 0 {
            let is = |names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
            match start {
                None if is(&["from"]) => start = Some(at + piece.len()),
                Some(start) if is(&["by", "with", "id", "via", "for"]) => {
                    return Some(&received[start..at]);
                }
                _ => {}
            }
        }
        match piece.chars().next_back() {
            Some('(') => depth += 1,
            Some(')') => depth = depth.saturating_sub(1),
            // In `from;` it stands in the clause's place.
            Some(';') if depth == 0 && start.is_some() => return received.get(start?..at),
            _ => {}
        }
        at += piece.len();
    }
    let clause = &received[start?..];
    // a parenthesis that is never closed would hide the rest
    Some(
        clause
            .split_once(" by ")
            .map_or(clause, |(clause, _)| clause),
    )
}

/// Returns the addresses in a text, each with whether it is a claim: it stands behind `from`, `helo` or `ehlo`. An
/// address may be bare, in brackets, written as `[IPv6:…]`, followed by a port, or behind a user's name and an @
/// (qmail).
fn addresses(text: &str) -> impl Iterator<Item = (IpAddr, bool)> {
    let around = |c: char| c.is_whitespace() || "()[]<>;,=\"'?@!".contains(c);
    let words = text.split(around).filter(|word| !word.is_empty());
    let mut before = "from";
    words.filter_map(move |word| {
        let is_claimed = ["from", "helo", "ehlo"]
            .iter()
            .any(|name| before.eq_ignore_ascii_case(name));
        before = word;
        Some((ip(word)?, is_claimed))
    })
}

fn ip(word: &str) -> Option<IpAddr> {
    let word = match word.split_at_checked(5) {
        Some((tag, rest)) if tag.eq_ignore_ascii_case("IPv6:") => rest,
        _ => word,
    };
    // a link-local address names the interface: `fe80::1%eth0`
    let word = word.split('%').next()?;
    let trimmed = word.trim_end_matches([':', '.']);
    let with_port = || Some(word.parse::<SocketAddr>().ok()?.ip());
    let ip = word
        .parse::<IpAddr>()
        .ok()
        .or_else(with_port)
        .or_else(|| trimmed.parse().ok())?;
    Some(ip.to_canonical())
}

/// Whether an address means the same machine everywhere. Addresses reserved for documentation count as public: they
/// occur in no real mail, but in every example.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.segments() {
            // 6to4: Google's servers name themselves so, after addresses of their private network.
            [0x2002, high, low, ..] => {
                let [a, b] = high.to_be_bytes();
                let [c, d] = low.to_be_bytes();
                is_public_v4(Ipv4Addr::new(a, b, c, d))
            }
            // Only 2000::/3 is assigned.
            [first, ..] => first & 0xe000 == 0x2000,
        },
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    // 100.64.0.0/10 is used between a provider and its customers, 198.18.0.0/15 for benchmarks
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
    fn finds_the_origin_in_a_received_field() {
        for (received, expected) in [
            // Postfix, Sendmail, Exim, qmail, Exchange, Gmail, Yahoo, webmail, Mimecast.
            (
                "from helo.example (host.example [203.0.113.9]) by mx.example (Postfix) with ESMTP id 1; x",
                Some("203.0.113.9"),
            ),
            (
                "from [192.168.1.2] (unknown [203.0.113.9]) by mx.example; x",
                Some("203.0.113.9"),
            ),
            (
                "from h (IDENT:eve@h [203.0.113.9] (may be forged))\n\tby mx (8.12.1/8.12.1) with ESMTP id 8.8.8.8",
                Some("203.0.113.9"),
            ),
            (
                "from [203.0.113.9] (helo=x) by mx with esmtp (Exim 4.9) (envelope-from <a@198.51.100.4>) id 1-2-3",
                Some("203.0.113.9"),
            ),
            (
                "from x ([203.0.113.9]:12345 helo=[198.51.100.4]) by mx",
                Some("203.0.113.9"),
            ),
            (
                "from unknown (HELO 198.51.100.4) (203.0.113.9)\r\n  by mx with SMTP; 1 Mar 2024 10:00:00 -0000",
                Some("203.0.113.9"),
            ),
            (
                "from unknown (HELO ?192.168.0.5?) (user@evil.example@203.0.113.9) by mx with SMTP",
                Some("203.0.113.9"),
            ),
            (
                "from m.example (10.1.2.3) by mx3 (10.1.2.4) with Microsoft SMTP Server id 15.1.225.42; x",
                None,
            ),
            (
                "from m.example (10.1.2.3) with Microsoft SMTP Server id 15.1.225.42; x",
                None,
            ),
            (
                "from A.example (2001:db8::9) by B.example (2001:db8::25) with Microsoft SMTP Server",
                Some("2001:db8::9"),
            ),
            (
                "from mail.example (mail.example. [203.0.113.9]) by mx.google.com with ESMTPS id a1",
                Some("203.0.113.9"),
            ),
            ("by 2002:a05:6504:1::1 with SMTP id a1csp1; x", None),
            (
                "from 52669349336 named unknown by gmailapi.google.com with HTTPREST; x",
                None,
            ),
            (
                "from [203.0.113.9] by web1.mail.yahoo.com via HTTP; x",
                Some("203.0.113.9"),
            ),
            (
                "from 203.0.113.9 (SquirrelMail authenticated user eve) by webmail.example with HTTP; x",
                Some("203.0.113.9"),
            ),
            (
                "from unknown [203.0.113.9] (Using TLS) by relay.mimecast.example with ESMTP id x-1",
                Some("203.0.113.9"),
            ),
            (
                "from localhost (localhost [127.0.0.1]) by mx.example (198.51.100.4) with LMTP",
                None,
            ),
            (
                "by mx.example (Postfix, from userid 0) id 198.51.100.4; x",
                None,
            ),
            ("(qmail 8.8.8.8 invoked from network); 1 Mar 2024", None),
            (
                "from mail (unknown [203.0.113.9] by mx (198.51.100.4)",
                Some("203.0.113.9"),
            ),
            (
                "from [198.51.100.4] ([203.0.113.9]) by mx",
                Some("203.0.113.9"),
            ),
            (
                "from [198.51.100.4] ([10.0.0.9]) by mx",
                Some("198.51.100.4"),
            ),
            (
                "from x ([IPv6:2001:db8::9%eth0]) by mx",
                Some("2001:db8::9"),
            ),
            (
                "from x ([::ffff:203.0.113.9]:25) by mx",
                Some("203.0.113.9"),
            ),
            ("from; evil.example ([203.0.113.9]) by mx", None),
            ("", None),
        ] {
            let found = origin(received).map(|ip| ip.to_string());
            assert_eq!(found.as_deref(), expected, "{received}");
        }
    }
}
