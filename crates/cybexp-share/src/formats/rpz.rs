//! A response policy zone (draft-vixie-dnsop-dns-rpz): a resolver answers that a name does not exist if the name, one
//! below it, or an address in its answer is in the feed.

use std::net::IpAddr;

use crate::formats::{WriteFeed, about, numbers};
use crate::item::{FeedHead, Item};
use crate::kind::Kind;
use crate::text::plain_comment;
use crate::time;
use crate::writer::Written;

/// The most bytes of a name in the zone: one of 253 bytes must have room for the zone's own name and for `*.`.
const NAME: usize = 253 - 2 - 64;

struct Rpz {
    head: FeedHead,
}

pub(super) fn new(head: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(Rpz { head: head.clone() })
}

/// Returns the owner name of an address or network: its prefix, then its parts in reverse order.
fn owner(address: IpAddr, prefix: u8) -> String {
    let parts: Vec<String> = match address {
        IpAddr::V4(ip) => ip.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(ip) => {
            let words = ip.segments();
            let (start, length) = zeros(&words);
            let (before, rest) = words.split_at(start);
            let hex = |words: &[u16]| words.iter().rev().map(|w| format!("{w:x}")).collect();
            let (mut parts, before): (Vec<String>, Vec<String>) =
                (hex(&rest[length..]), hex(before));
            if length > 0 {
                parts.push("zz".to_owned());
            }
            parts.extend(before);
            parts
        }
    };
    format!("{prefix}.{}.rpz-ip", parts.join("."))
}

/// Returns the longest run of words that are zero, if it has more than one: `zz` stands for it, and servers refuse
/// another spelling.
fn zeros(words: &[u16; 8]) -> (usize, usize) {
    let mut longest = (0, 0);
    let mut start = 0;
    for (n, word) in words.iter().enumerate() {
        if *word != 0 {
            start = n + 1;
        } else if n + 1 - start > longest.1.max(1) {
            longest = (start, n + 1 - start);
        }
    }
    longest
}

impl WriteFeed for Rpz {
    fn begin(&mut self, out: &mut Vec<u8>) {
        about(&self.head, ";", out);
        // serial numbers are compared in the arithmetic of RFC 1982, in which 0 is one as any other
        let serial = self.head.seq as u32;
        let soa = format!(
            "$TTL 300\n@ SOA localhost. root.localhost. {serial} 300 60 604800 300\n@ NS localhost.\n"
        );
        out.extend(soa.bytes());
    }

    fn item(&mut self, item: &Item, out: &mut Vec<u8>) -> bool {
        let owners = match Kind::of(&item.sub_type, &item.data) {
            Kind::Host(host) if host.len() <= NAME => vec![format!("*.{host}"), host],
            Kind::Address(address @ IpAddr::V4(_)) => vec![owner(address, 32)],
            Kind::Address(address @ IpAddr::V6(_)) => vec![owner(address, 128)],
            Kind::Network(network) if network.prefix > 0 => {
                vec![owner(network.address, network.prefix)]
            }
            _ => return false,
        };
        for owner in owners {
            out.extend(format!("{owner} CNAME .").bytes());
            if self.head.comments {
                let reason = plain_comment(&item.reason);
                out.extend(format!(" ; {} {reason}", time::day(item.added)).bytes());
            }
            out.push(b'\n');
        }
        true
    }

    fn end(&mut self, written: &Written, out: &mut Vec<u8>) {
        numbers(written, ";", out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_reverse() {
        let owner = |text: &str, prefix| owner(text.parse().unwrap(), prefix);
        assert_eq!(owner("203.0.113.9", 32), "32.9.113.0.203.rpz-ip");
        assert_eq!(owner("2001:db8::1", 128), "128.1.zz.db8.2001.rpz-ip");
        assert_eq!(owner("2001:db8::", 32), "32.zz.db8.2001.rpz-ip");
        let full = "2001:db8:0:1:2:3:4:5";
        assert_eq!(owner(full, 128), "128.5.4.3.2.1.0.db8.2001.rpz-ip");
        assert_eq!(owner("::", 128), "128.zz.rpz-ip");
    }
}
