//! JSON lines: one object a line, with the exact value.

use serde::Serialize;
use tahoe_core::Scalar;

use crate::formats::WriteFeed;
use crate::item::{FeedHead, Item};
use crate::time;
use crate::writer::Written;
use tahoe_core::Tlp;

struct JsonLines;

#[derive(Serialize)]
struct Line<'a> {
    value: &'a Scalar,
    #[serde(rename = "type")]
    sub_type: &'a str,
    added: String,
    changed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    count: u64,
    tlp: Tlp,
    reason: &'a str,
}

pub(super) fn new(_: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(JsonLines)
}

impl WriteFeed for JsonLines {
    fn begin(&mut self, _: &mut Vec<u8>) {}

    fn item(&mut self, item: &Item, out: &mut Vec<u8>) -> bool {
        let line = Line {
            value: &item.data,
            sub_type: &item.sub_type,
            added: time::millis(item.added),
            changed: time::millis(item.changed),
            first_seen: item.seen.map(|(first, _)| time::millis(first)),
            last_seen: item.seen.map(|(_, last)| time::millis(last)),
            count: item.count,
            tlp: item.tlp,
            reason: &item.reason,
        };
        let start = out.len();
        if serde_json::to_writer(&mut *out, &line).is_err() {
            out.truncate(start);
            return false;
        }
        out.push(b'\n');
        true
    }

    fn end(&mut self, _: &Written, _: &mut Vec<u8>) {}
}
