//! A search for values, as ranges of sort keys. Without input or output.

use serde_json::Value;
use tahoe_core::Scalar;

use crate::values::key::{self, LAST, Order, address_key, cut, lower, normal, reversed};

/// A search for the values of a sub_type.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueSearch {
    pub(crate) sub_type: String,
    wanted: Wanted,
    /// Ranges of keys without their ends, in order.
    pub(crate) ranges: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    All,
    /// Addresses in these ranges, and networks that lie in one of them.
    Addresses {
        v4: bool,
        ranges: Vec<(u128, u128)>,
    },
    /// This host and those below it.
    Below(String),
    /// Values that begin with this text in lower case.
    Begins(String),
}

impl ValueSearch {
    /// Makes the search for the values of a sub_type that begin with a text; for addresses also those of a network, and for
    /// hosts those at or below a domain. An empty text is the beginning of all.
    ///
    /// # Errors
    /// The reason why addresses have no such beginning.
    pub fn new(sub_type: &str, text: &str) -> Result<Self, String> {
        let order = Order::of(sub_type);
        let text = match order {
            Order::Address | Order::Host => text.trim().replace("[.]", "."),
            Order::Text => text.trim_start().to_owned(),
        };
        let wanted = match order {
            _ if text.is_empty() => Wanted::All,
            Order::Address => addresses(sub_type, &text)?,
            Order::Host => {
                let host = normal(text.strip_prefix("*.").unwrap_or(&text));
                match host.trim_matches('.') {
                    "" => Wanted::All,
                    host => Wanted::Below(host.to_owned()),
                }
            }
            Order::Text => Wanted::Begins(normal(&text)),
        };
        Ok(Self {
            sub_type: sub_type.to_owned(),
            ranges: wanted.ranges(),
            wanted,
        })
    }

    /// Whether a value of the sub_type is wanted. Keys are too short to tell that.
    pub fn matches(&self, data: &Value) -> bool {
        let Ok(data) = Scalar::try_from(data) else {
            return false;
        };
        let text = data.to_string();
        let text = text.trim();
        match &self.wanted {
            Wanted::All => true,
            Wanted::Addresses { v4, ranges } => key::network(text).is_some_and(|it| {
                let mut ranges = ranges.iter();
                it.v4 == *v4 && ranges.any(|(first, last)| it.first >= *first && it.last <= *last)
            }),
            Wanted::Below(domain) => {
                let host = normal(text.trim_matches('.'));
                let below = host.strip_suffix(domain.as_str());
                below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            Wanted::Begins(beginning) => {
                let mut chars = lower(text);
                beginning.chars().all(|wanted| chars.next() == Some(wanted))
            }
        }
    }
}

impl Wanted {
    fn ranges(&self) -> Vec<(String, String)> {
        let from = |key: String| {
            let end = format!("{key}{LAST}");
            (key, end)
        };
        match self {
            Self::All => vec![from(String::new())],
            Self::Begins(beginning) => vec![from(cut(beginning))],
            Self::Addresses { v4, ranges } => {
                let ranges = ranges.iter();
                let key = |address| address_key(*v4, address);
                ranges
                    .map(|(first, last)| (key(*first), format!("{}{LAST}", key(*last))))
                    .collect()
            }
            Self::Below(domain) => {
                let key = reversed(domain);
                if cut(&key) != key {
                    return vec![from(cut(&key))];
                }
                // the domain itself, then those below it; `-` stands between
                let end = |last: char| format!("{key}{last}");
                vec![(end('\u{1}'), end('\u{2}')), (end('.'), end('/'))]
            }
        }
    }
}

/// Reads a network, an address or the beginning of one. There are none of the other kind.
fn addresses(sub_type: &str, text: &str) -> Result<Wanted, String> {
    // `2001:db8::` is an address, but whoever types it goes on
    let whole = key::network(text).filter(|_| !text.ends_with("::"));
    let ranges = match whole {
        Some(it) => [(it.v4, Some(vec![(it.first, it.last)])), (!it.v4, None)],
        None => [(true, v4_beginning(text)), (false, v6_beginning(text))],
    };
    let is_wanted = |v4: bool| match sub_type {
        "ipv4" => v4,
        "ipv6" => !v4,
        // a network: the beginning of those of version 4, where it may be either
        _ => true,
    };
    let is_any = ranges.iter().any(|(_, ranges)| ranges.is_some());
    let mut wanted = ranges.into_iter().filter(|(v4, _)| is_wanted(*v4));
    match wanted.find_map(|(v4, ranges)| Some((v4, ranges?))) {
        Some((v4, ranges)) => Ok(Wanted::Addresses { v4, ranges }),
        None if is_any => Ok(Wanted::Addresses {
            v4: sub_type != "ipv6",
            ranges: vec![],
        }),
        None => Err("is neither a network, nor an address or the beginning of one".to_owned()),
    }
}

/// Returns the ranges of addresses whose text begins like this.
fn v4_beginning(text: &str) -> Option<Vec<(u128, u128)>> {
    let parts: Vec<&str> = text.split('.').collect();
    let (last, whole) = parts.split_last()?;
    if parts.len() > 4 {
        return None;
    }
    let digits = |part: &str| {
        let plain = part.bytes().all(|digit| digit.is_ascii_digit());
        let leads = part.len() > 1 && part.starts_with('0');
        let number = part.parse::<u128>().ok()?;
        (plain && !leads && number <= 255).then_some(number)
    };
    let mut before = 0;
    for part in whole {
        before = before << 8 | digits(part)?;
    }
    let rest = 8 * (4 - parts.len()) as u32;
    let range = |first: u128, last: u128| {
        let first = (before << 8 | first) << rest;
        (first, ((before << 8 | last) << rest) | ((1 << rest) - 1))
    };
    if last.is_empty() {
        return (!whole.is_empty()).then(|| vec![range(0, 255)]);
    }
    let number = digits(last)?;
    let mut ranges = vec![range(number, number)];
    let mut more = (number * 10, number * 10 + 9);
    while number > 0 && more.0 <= 255 {
        ranges.push(range(more.0, more.1.min(255)));
        more = (more.0 * 10, more.1 * 10 + 9);
    }
    Some(ranges)
}

/// Returns the ranges of addresses whose text begins like this.
fn v6_beginning(text: &str) -> Option<Vec<(u128, u128)>> {
    let group = |part: &str| {
        let plain = (1..=4).contains(&part.len()) && !part.starts_with('+');
        plain.then(|| u128::from_str_radix(part, 16).ok()).flatten()
    };
    let (head, open) = match text.split_once("::") {
        // at least two groups of zeros
        Some((head, "")) => (format!("{head}:0:0:"), true),
        Some(_) => return None,
        None => (text.to_owned(), text.ends_with(':')),
    };
    let head = head.trim_start_matches(':');
    let parts: Vec<&str> = head.trim_end_matches(':').split(':').take(9).collect();
    let (last, whole) = parts.split_last()?;
    if parts.len() > 8 {
        return None;
    }
    let mut before = 0;
    for part in whole {
        before = before << 16 | group(part)?;
    }
    let rest = 16 * (8 - parts.len()) as u32;
    let range = |first: u128, last: u128| {
        let first = (before << 16 | first) << rest;
        (first, ((before << 16 | last) << rest) | ((1 << rest) - 1))
    };
    let number = group(last)?;
    let mut ranges = vec![range(number, number)];
    let mut more = (number << 4, number << 4 | 15);
    for _ in last.len()..4 {
        if !open && number > 0 {
            ranges.push(range(more.0, more.1));
        }
        more = (more.0 << 4, more.1 << 4 | 15);
    }
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tahoe_core::Scalar;

    use super::*;
    use crate::values::key::sort_key;

    /// Whether the value is found: its key lies in a range, and it matches.
    fn found(sub_type: &str, text: &str, value: Value) -> bool {
        let search = ValueSearch::new(sub_type, text).unwrap();
        let key = sort_key(sub_type, &Scalar::try_from(&value).unwrap());
        // a row's key goes on with its hash
        let key = format!("{key}\u{1}hash");
        let mut ranges = search.ranges.iter();
        let in_range = ranges.any(|(from, to)| *from <= key && key < *to);
        assert!(in_range || !search.matches(&value), "{text} {value}");
        in_range && search.matches(&value)
    }

    #[test]
    fn values_that_begin_with_a_text_are_found() {
        let long = format!("wget http://203.0.113.9/{}", "a".repeat(80));
        for (sub_type, text, value, expected) in [
            ("username", "Ro", json!("root"), true),
            ("username", "ro", json!(" ROOT "), true),
            ("username", "ru", json!("root"), false),
            ("username", "root ", json!("root"), false),
            ("username", "root ", json!("root x"), true),
            ("username", "", json!(null), true),
            ("port", "44", json!(443), true),
            ("port", "44", json!(80), false),
            ("shell_command", &long, json!(format!("{long}b")), true),
            ("shell_command", &long, json!(&long[..90]), false),
        ] {
            assert_eq!(
                found(sub_type, text, value.clone()),
                expected,
                "{text} {value}"
            );
        }
    }

    #[test]
    fn addresses_are_found_by_network_and_by_beginning() {
        for (sub_type, text, value, expected) in [
            ("ipv4", "203.0.113.0/24", "203.0.113.255", true),
            ("ipv4", "203.0.113.0/24", "203.0.114.0", false),
            ("ipv4", "203[.]0[.]113.", "203.0.113.7", true),
            ("ipv4", "203.0.11", "203.0.113.7", true),
            ("ipv4", "203.0.11", "203.0.11.7", true),
            ("ipv4", "203.0.11", "203.0.12.7", false),
            ("ipv4", "203.0.113.9", "203.0.113.9", true),
            ("ipv4", "203.0.113.9", "203.0.113.90", false),
            ("ipv4", "2", "203.0.113.9", true),
            ("ipv4", "3", "203.0.113.9", false),
            ("ipv4", "2001:db8::/32", "203.0.113.9", false),
            ("ipv6", "2001:db8::/32", "2001:db8:ffff::1", true),
            ("ipv6", "2001:DB8:", "2001:db8::1", true),
            ("ipv6", "2001:d", "2001:db8::1", true),
            ("ipv6", "2001:d:", "2001:db8::1", false),
            ("ipv6", "2001:db8::", "2001:db8::1", true),
            ("ipv6", "2001:db8::", "2001:db8:1::1", false),
            ("cidr", "203.0.0.0/16", "203.0.113.0/24", true),
            ("cidr", "203.0.113.0/24", "203.0.0.0/16", false),
            ("cidr", "2001:db8::/32", "2001:db8:5::/48", true),
        ] {
            assert_eq!(
                found(sub_type, text, json!(value)),
                expected,
                "{text} {value}"
            );
        }
        for wrong in [
            "evil",
            "256.",
            "203.0.113.0/33",
            "1.2.3.4.5",
            "01.",
            "2001:db8::1:",
            "...",
            ":::",
        ] {
            assert!(ValueSearch::new("ipv4", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hosts_are_found_below_a_domain() {
        let deep = format!("{}evil.example", "label.".repeat(20));
        for (text, value, expected) in [
            ("evil.example", "evil.example", true),
            ("Evil[.]example", "www.evil.example", true),
            ("*.evil.example", "a.b.EVIL.example", true),
            (".evil.example.", "www.evil.example", true),
            ("evil.example", "notevil.example", false),
            ("evil.example", "evil-x.example", false),
            ("example", "evil.example", true),
            ("", "evil.example", true),
            (&deep, &format!("x.{deep}"), true),
            (&deep, &format!("x{deep}"), false),
        ] {
            assert_eq!(
                found("hostname", text, json!(value)),
                expected,
                "{text} {value}"
            );
        }
    }
}
