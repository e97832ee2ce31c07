//! CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe in front, and so does one that
//! begins with an apostrophe: a reader that removes one apostrophe has the exact value.

use csv::{Terminator, WriterBuilder};

use crate::formats::WriteFeed;
use crate::item::{FeedHead, Item};
use crate::time;
use crate::writer::Written;

/// The columns.
const COLUMNS: [&str; 9] = [
    "value",
    "type",
    "added",
    "changed",
    "first_seen",
    "last_seen",
    "count",
    "tlp",
    "reason",
];

struct Csv;

pub(super) fn new(_: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(Csv)
}

/// Returns a cell that no spreadsheet computes.
fn cell(text: String) -> String {
    match text.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '\'', '|', '%', '＝', '＋', '－', '＠',
    ]) {
        true => format!("'{text}"),
        false => text,
    }
}

fn record(cells: [String; COLUMNS.len()], out: &mut Vec<u8>) -> bool {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .buffer_capacity(256)
        .from_writer(out);
    // writing to memory does not fail
    writer
        .write_record(cells)
        .and_then(|()| writer.flush().map_err(Into::into))
        .is_ok()
}

impl WriteFeed for Csv {
    fn begin(&mut self, out: &mut Vec<u8>) {
        record(COLUMNS.map(str::to_owned), out);
    }

    fn item(&mut self, item: &Item, out: &mut Vec<u8>) -> bool {
        let seen = |time: Option<f64>| time.map(time::seconds).unwrap_or_default();
        let cells = [
            cell(item.text()),
            item.sub_type.clone(),
            time::seconds(item.added),
            time::seconds(item.changed),
            seen(item.seen.map(|(first, _)| first)),
            seen(item.seen.map(|(_, last)| last)),
            item.count.to_string(),
            item.tlp.to_string(),
            cell(item.reason.clone()),
        ];
        record(cells, out)
    }

    fn end(&mut self, _: &Written, _: &mut Vec<u8>) {}
}
