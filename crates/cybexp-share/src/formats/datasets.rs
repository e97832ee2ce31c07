//! Suricata datasets: a list for each kind of values, and the rules that load them.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::formats::suricata::host_and_path;
use crate::formats::{WriteFeed, about};
use crate::item::{FeedHead, Item};
use crate::kind::{Digest, Kind};
use crate::writer::Written;

/// A list of one kind of values: the line of a value, if it is of the kind.
struct List(fn(Kind) -> Option<String>);

struct Rules {
    head: FeedHead,
}

pub(super) fn addresses(_: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(List(|kind| match kind {
        Kind::Address(IpAddr::V4(ip)) => Some(ip.to_string()),
        Kind::Address(IpAddr::V6(ip)) => Some(ip.to_string()),
        _ => None,
    }))
}

pub(super) fn hosts(_: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(List(|kind| match kind {
        Kind::Host(host) => Some(STANDARD.encode(host)),
        _ => None,
    }))
}

pub(super) fn urls(_: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(List(|kind| match kind {
        // a path alone, such as `/`, would be an alarm at any host
        Kind::Url(url) => host_and_path(&url)
            .filter(|(_, path)| path.len() >= 8)
            .map(|(_, path)| STANDARD.encode(path)),
        _ => None,
    }))
}

fn digests(kind: Kind, wanted: Digest) -> Option<String> {
    match kind {
        Kind::Digest(digest, text) if digest == wanted => Some(text),
        _ => None,
    }
}

pub(super) fn md5(_: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(List(|kind| digests(kind, Digest::Md5)))
}

pub(super) fn sha256(_: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(List(|kind| digests(kind, Digest::Sha256)))
}

pub(super) fn rules(head: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(Rules { head: head.clone() })
}

impl WriteFeed for List {
    fn begin(&mut self, _: &mut Vec<u8>) {}

    fn item(&mut self, item: &Item, out: &mut Vec<u8>) -> bool {
        let Some(line) = (self.0)(Kind::of(&item.sub_type, &item.data)) else {
            return false;
        };
        out.extend(line.bytes());
        out.push(b'\n');
        true
    }

    fn end(&mut self, _: &Written, _: &mut Vec<u8>) {}
}

/// The rules: protocol, the list, and the options that load it, in which `@` stands for the feed's name.
const LISTS: [(&str, &str, &str); 8] = [
    (
        "ip",
        "ip",
        "ip.src; dataset:isset,@-ip,type ip,load @.ip.lst;",
    ),
    (
        "ip",
        "ip",
        "ip.dst; dataset:isset,@-ip,type ip,load @.ip.lst;",
    ),
    (
        "dns",
        "host",
        "dns.query; to_lowercase; dataset:isset,@-host,type string,load @.host.lst;",
    ),
    (
        "tls",
        "host",
        "tls.sni; to_lowercase; dataset:isset,@-host,type string,load @.host.lst;",
    ),
    (
        "http",
        "host",
        "http.host; dataset:isset,@-host,type string,load @.host.lst;",
    ),
    (
        "http",
        "url",
        "http.uri.raw; dataset:isset,@-url,type string,load @.url.lst;",
    ),
    ("http", "md5", "filemd5:@.md5.lst;"),
    ("http", "sha256", "filesha256:@.sha256.lst;"),
];

/// The first rule number. Each feed has a place of its own among ten million.
const FIRST_SID: u32 = 2_100_000_000;

impl WriteFeed for Rules {
    fn begin(&mut self, out: &mut Vec<u8>) {
        about(&self.head, "#", out);
        let name = &self.head.name;
        out.extend(format!("# put {name}.ip.lst and the other lists beside the rules\n").bytes());
        let place = name.bytes().fold(7_u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte)) % 10_000_000
        });
        for (n, (protocol, list, options)) in LISTS.into_iter().enumerate() {
            let sid = FIRST_SID + place * 10 + n as u32;
            let options = options.replace('@', name);
            let rule = format!(
                "alert {protocol} any any -> any any (msg:\"CYBEX-P {name} {list}\"; {options} \
                 classtype:bad-unknown; sid:{sid}; rev:1;)\n"
            );
            out.extend(rule.bytes());
        }
    }

    fn item(&mut self, _: &Item, _: &mut Vec<u8>) -> bool {
        false
    }

    fn end(&mut self, _: &Written, _: &mut Vec<u8>) {}
}
