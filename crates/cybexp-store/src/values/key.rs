//! Sort keys: the order in which values of a sub_type are listed and searched.
//!
//! | sub_type | key |
//! |---|---|
//! | `ipv4`, `ipv6`, `cidr` | the address in hexadecimal digits, then `/` and the length of the prefix |
//! | `hostname`, `domain` | the labels in reverse order |
//! | others, and values that are none of these | the text in lower case |
//!
//! A key has at most 64 bytes. The beginning of a value has a key that is the beginning of the value's key.

use std::net::IpAddr;

use tahoe_core::Scalar;

/// The longest key, in bytes.
const KEY_BYTES: usize = 64;
/// Character behind all others, which no key has.
pub(crate) const LAST: char = char::MAX;

/// The order of the values of a sub_type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// By number.
    Address,
    /// By top-level domain, then by the labels below it.
    Host,
    /// By lower-case text.
    Text,
}

impl Order {
    pub(crate) fn of(sub_type: &str) -> Self {
        match sub_type {
            "ipv4" | "ipv6" | "cidr" => Self::Address,
            "hostname" | "domain" => Self::Host,
            _ => Self::Text,
        }
    }
}

/// Returns the sort key of a value.
pub(crate) fn sort_key(sub_type: &str, data: &Scalar) -> String {
    let text = data.to_string();
    let key = match Order::of(sub_type) {
        Order::Address => network(text.trim()).map(|network| network.key()),
        Order::Host => Some(cut(&reversed(&normal(text.trim())))),
        Order::Text => None,
    };
    key.unwrap_or_else(|| cut(&lower(text.trim()).take(KEY_BYTES).collect::<String>()))
}

/// Returns the characters of a text in lower case. Those that are not seen, or stand behind all keys, become spaces.
pub(crate) fn lower(text: &str) -> impl Iterator<Item = char> {
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.map(|c| match c.is_control() || c == LAST {
        true => ' ',
        false => c,
    })
}

/// Returns a text in lower case, as keys have it.
pub(crate) fn normal(text: &str) -> String {
    lower(text).collect()
}

/// Returns the labels of a host in reverse order.
pub(crate) fn reversed(host: &str) -> String {
    let labels: Vec<&str> = host.trim_matches('.').rsplit('.').collect();
    labels.join(".")
}

/// Returns the beginning of a key that is not too long.
pub(crate) fn cut(key: &str) -> String {
    key[..key.floor_char_boundary(KEY_BYTES)].to_owned()
}

/// A network, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) v4: bool,
    /// The first address, as a number.
    pub(crate) first: u128,
    /// The last address, as a number.
    pub(crate) last: u128,
    /// The length of the prefix; `None` for an address.
    prefix: Option<u8>,
}

impl Network {
    fn key(&self) -> String {
        let address = address_key(self.v4, self.first);
        match self.prefix {
            Some(prefix) => format!("{address}/{prefix:03}"),
            None => address,
        }
    }
}

/// Returns the hexadecimal digits of an address.
pub(crate) fn address_key(v4: bool, address: u128) -> String {
    match v4 {
        true => format!("{address:08x}"),
        false => format!("{address:032x}"),
    }
}

/// Reads an address or a network. The bits of a network behind its prefix are cleared.
pub(crate) fn network(text: &str) -> Option<Network> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let (v4, bits, address) = match address {
        IpAddr::V4(v4) => (true, 32, u128::from(u32::from(v4))),
        IpAddr::V6(v6) => (false, 128, u128::from(v6)),
    };
    let host_bits = u32::from(bits).checked_sub(u32::from(prefix.unwrap_or(bits)))?;
    let hosts = match host_bits {
        128 => u128::MAX,
        bits => (1 << bits) - 1,
    };
    Some(Network {
        v4,
        first: address & !hosts,
        last: address | hosts,
        prefix,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_the_sub_type() {
        for (sub_type, value, key) in [
            ("ipv4", "203.0.113.9", "cb007109"),
            ("ipv6", "2001:DB8::9", "20010db8000000000000000000000009"),
            ("cidr", "203.0.113.9/24", "cb007100/024"),
            ("ipv4", "None ", "none"),
            ("hostname", "WWW.Evil.example.", "example.evil.www"),
            ("username", " Root\u{1}\n", "root "),
            ("url", "http://É.example/\u{10ffff}", "http://é.example/ "),
        ] {
            assert_eq!(sort_key(sub_type, &value.into()), key, "{value}");
        }
        assert_eq!(sort_key("port", &443_i64.into()), "443");
    }

    #[test]
    fn keys_are_cut_between_characters() {
        let long = "ü".repeat(40);
        assert_eq!(sort_key("subject", &long.as_str().into()), "ü".repeat(32));
        let odd = format!("a{long}");
        assert_eq!(sort_key("subject", &odd.as_str().into()).len(), 63);
    }

    #[test]
    fn networks_have_a_first_and_a_last_address() {
        let all = network("::/0").unwrap();
        assert_eq!((all.first, all.last), (0, u128::MAX));
        for wrong in [
            "203.0.113.0/33",
            "203.0.113/24",
            "a/8",
            "::1/129",
            "1.2.3.4/-1",
        ] {
            assert_eq!(network(wrong), None, "{wrong}");
        }
    }
}
