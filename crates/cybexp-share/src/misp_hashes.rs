//! The file `hashes.csv` of a MISP feed: the MD5 of each value, and the event that holds it.

use std::collections::BTreeMap;

use crate::formats::WriteFeed;
use crate::item::{FeedHead, Item};
use crate::misp::{self, MispEvent};
use crate::writer::{FeedWriter, Written};

struct Hashes {
    head: FeedHead,
    /// The number of events of each day, by day.
    parts: BTreeMap<i64, u16>,
}

/// Begins the file. `parts` is the number of events of each day, by day; values of other days are left out.
pub fn hashes(head: &FeedHead, parts: BTreeMap<i64, u16>) -> FeedWriter {
    FeedWriter::of(Box::new(Hashes {
        head: head.clone(),
        parts,
    }))
}

impl WriteFeed for Hashes {
    fn begin(&mut self, _: &mut Vec<u8>) {}

    fn item(&mut self, item: &Item, out: &mut Vec<u8>) -> bool {
        let parts = self.parts.get(&misp::day(item.added));
        let Some((digest, parts)) = misp::hashed(item).zip(parts) else {
            return false;
        };
        let event = MispEvent::of(item, *parts).uuid(&self.head);
        out.extend(format!("{digest},{event}\n").bytes());
        true
    }

    fn end(&mut self, _: &Written, _: &mut Vec<u8>) {}
}
