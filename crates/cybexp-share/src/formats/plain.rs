//! Plain text: one value a line, with an optional comment behind `#`.

use crate::formats::{WriteFeed, about, numbers};
use crate::item::{FeedHead, Item};
use crate::kind::Kind;
use crate::text::{comment, is_line};
use crate::time;
use crate::writer::Written;

struct Plain {
    head: FeedHead,
}

pub(super) fn new(head: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(Plain { head: head.clone() })
}

/// Returns a value as it stands on a line of its own. Hosts are in ASCII, as firewalls want them.
fn line(item: &Item) -> Option<String> {
    let line = match Kind::of(&item.sub_type, &item.data) {
        Kind::Address(address) => address.to_string(),
        Kind::Network(network) => network.to_string(),
        Kind::Host(text) | Kind::Url(text) | Kind::Mail(text) | Kind::Digest(_, text) => text,
        // a host that is none, and so on: a firewall would take it for something else
        Kind::Other if is_one_of_these(&item.sub_type) => return None,
        Kind::Other => item.text(),
    };
    let is_comment = line.starts_with(['#', ';']) || line.contains(" #") || line.contains("\t#");
    (is_line(&line) && !is_comment).then_some(line)
}

fn is_one_of_these(sub_type: &str) -> bool {
    const READ: [&str; 6] = ["ipv4", "ipv6", "cidr", "hostname", "domain", "url"];
    READ.contains(&sub_type)
}

impl WriteFeed for Plain {
    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.head.comments {
            about(&self.head, "#", out);
        }
    }

    fn item(&mut self, item: &Item, out: &mut Vec<u8>) -> bool {
        let Some(line) = line(item) else {
            return false;
        };
        out.extend(line.bytes());
        if self.head.comments {
            let told = format!(" # {} {}", time::day(item.added), comment(&item.reason));
            out.extend(told.trim_end().bytes());
        }
        out.push(b'\n');
        true
    }

    fn end(&mut self, written: &Written, out: &mut Vec<u8>) {
        if self.head.comments {
            numbers(written, "#", out);
        }
    }
}
