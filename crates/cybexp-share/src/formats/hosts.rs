//! A hosts file in which each host name leads nowhere.

use crate::formats::{WriteFeed, about, numbers};
use crate::item::{FeedHead, Item};
use crate::kind::Kind;
use crate::writer::Written;

struct Hosts {
    head: FeedHead,
}

pub(super) fn new(head: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(Hosts { head: head.clone() })
}

impl WriteFeed for Hosts {
    fn begin(&mut self, out: &mut Vec<u8>) {
        about(&self.head, "#", out);
    }

    fn item(&mut self, item: &Item, out: &mut Vec<u8>) -> bool {
        let Kind::Host(host) = Kind::of(&item.sub_type, &item.data) else {
            return false;
        };
        out.extend(format!("0.0.0.0 {host}\n").bytes());
        true
    }

    fn end(&mut self, written: &Written, out: &mut Vec<u8>) {
        numbers(written, "#", out);
    }
}
