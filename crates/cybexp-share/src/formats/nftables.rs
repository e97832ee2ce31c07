//! A script for `nft -f`: two sets of addresses and networks in the table `inet cybexp`, replaced in one transaction.

use std::net::IpAddr;

use crate::formats::{WriteFeed, about, numbers};
use crate::item::{FeedHead, Item};
use crate::kind::Kind;
use crate::writer::Written;

/// The most addresses of one statement.
const STATEMENT: usize = 1000;

struct Nftables {
    head: FeedHead,
    /// The names of the sets, and the addresses that are not written yet.
    sets: [(String, Vec<String>); 2],
}

pub(super) fn new(head: &FeedHead) -> Box<dyn WriteFeed + Send> {
    let name = head.name.replace('-', "_");
    let set = |family: &str| (format!("{name}_{family}"), Vec::new());
    Box::new(Nftables {
        head: head.clone(),
        sets: [set("v4"), set("v6")],
    })
}

fn flush((name, addresses): &mut (String, Vec<String>), out: &mut Vec<u8>) {
    if !addresses.is_empty() {
        let all = addresses.join(", ");
        out.extend(format!("add element inet cybexp {name} {{ {all} }}\n").bytes());
        addresses.clear();
    }
}

impl WriteFeed for Nftables {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend(b"#!/usr/sbin/nft -f\n");
        about(&self.head, "#", out);
        out.extend(b"add table inet cybexp\n");
        for ((name, _), address) in self.sets.iter().zip(["ipv4_addr", "ipv6_addr"]) {
            let set = format!(
                "add set inet cybexp {name} {{ type {address}; flags interval; auto-merge; }}\n\
                 flush set inet cybexp {name}\n"
            );
            out.extend(set.bytes());
        }
    }

    fn item(&mut self, item: &Item, out: &mut Vec<u8>) -> bool {
        let (address, text) = match Kind::of(&item.sub_type, &item.data) {
            Kind::Address(address) => (address, address.to_string()),
            Kind::Network(network) => (network.address, network.to_string()),
            _ => return false,
        };
        let set = &mut self.sets[usize::from(matches!(address, IpAddr::V6(_)))];
        set.1.push(text);
        if set.1.len() >= STATEMENT {
            flush(set, out);
        }
        true
    }

    fn end(&mut self, written: &Written, out: &mut Vec<u8>) {
        self.sets.iter_mut().for_each(|set| flush(set, out));
        numbers(written, "#", out);
    }
}
