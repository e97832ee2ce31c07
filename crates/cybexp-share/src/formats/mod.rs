//! The formats of a feed: one file each, and one line in [`FORMATS`].

mod csv;
mod datasets;
mod hosts;
mod json_lines;
mod nftables;
mod plain;
mod rpz;
mod stix;
mod suricata;

use crate::item::{FeedHead, Item};
use crate::text::plain_comment;
use crate::time;
use crate::writer::Written;

pub use stix::{head as stix_head, objects as stix_objects};

/// Writes the file of a feed.
pub(crate) trait WriteFeed {
    /// Writes what stands before the values.
    fn begin(&mut self, out: &mut Vec<u8>);
    /// Writes a value. Returns whether the format can express it; if not, nothing was written.
    fn item(&mut self, item: &Item, out: &mut Vec<u8>) -> bool;
    /// Writes what stands behind the values.
    fn end(&mut self, written: &Written, out: &mut Vec<u8>);
}

/// A format of a feed.
#[derive(Debug)]
pub struct Format {
    /// The end of the file's name, behind the feed's name and a dot.
    pub extension: &'static str,
    /// The media type.
    pub media_type: &'static str,
    /// A description for people.
    pub about: &'static str,
    pub(crate) write: fn(&FeedHead) -> Box<dyn WriteFeed + Send>,
}

const TEXT: &str = "text/plain; charset=utf-8";

/// All formats that are one file.
pub const FORMATS: &[Format] = &[
    Format {
        extension: "txt",
        media_type: TEXT,
        about: "one value a line, for firewalls (EDL) and scripts",
        write: plain::new,
    },
    Format {
        extension: "csv",
        media_type: "text/csv; charset=utf-8; header=present",
        about: "RFC 4180; a cell that a spreadsheet would take for a formula begins with an apostrophe",
        write: csv::new,
    },
    Format {
        extension: "json",
        media_type: "application/x-ndjson",
        about: "one JSON object a line, with the exact values",
        write: json_lines::new,
    },
    Format {
        extension: "stix.json",
        media_type: "application/stix+json; version=2.1",
        about: "a STIX 2.1 bundle",
        write: stix::new,
    },
    Format {
        extension: "hosts",
        media_type: TEXT,
        about: "a hosts file that leads to 0.0.0.0",
        write: hosts::new,
    },
    Format {
        extension: "rpz",
        media_type: "text/dns",
        about: "a response policy zone for DNS resolvers",
        write: rpz::new,
    },
    Format {
        extension: "nft",
        media_type: TEXT,
        about: "a script for nft(8) that fills two sets of addresses",
        write: nftables::new,
    },
    Format {
        extension: "rules",
        media_type: TEXT,
        about: "Suricata rules, one a value, of at most 50,000 values",
        write: suricata::new,
    },
    Format {
        extension: "datasets.rules",
        media_type: TEXT,
        about: "Suricata rules that load the datasets of the feed",
        write: datasets::rules,
    },
    Format {
        extension: "ip.lst",
        media_type: TEXT,
        about: "Suricata dataset of addresses",
        write: datasets::addresses,
    },
    Format {
        extension: "host.lst",
        media_type: TEXT,
        about: "Suricata dataset of host names",
        write: datasets::hosts,
    },
    Format {
        extension: "url.lst",
        media_type: TEXT,
        about: "Suricata dataset of the paths and queries of URLs",
        write: datasets::urls,
    },
    Format {
        extension: "md5.lst",
        media_type: TEXT,
        about: "Suricata dataset of MD5 digests",
        write: datasets::md5,
    },
    Format {
        extension: "sha256.lst",
        media_type: TEXT,
        about: "Suricata dataset of SHA-256 digests",
        write: datasets::sha256,
    },
];

/// Returns the format whose files end so.
pub fn format(extension: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.extension == extension)
}

/// Writes a comment of several lines about the feed, each behind this mark.
fn about(head: &FeedHead, mark: &str, out: &mut Vec<u8>) {
    for line in [
        format!(
            "feed {} of {}",
            head.name,
            plain_comment(&head.organisation)
        ),
        plain_comment(&head.description),
        format!(
            "change {}, {}; TLP {}",
            head.seq,
            time::seconds(head.changed),
            head.tlp
        ),
    ] {
        out.extend(format!("{mark} {line}\n").bytes());
    }
}

/// Writes a comment with the numbers of values.
fn numbers(written: &Written, mark: &str, out: &mut Vec<u8>) {
    let Written { values, left_out } = written;
    out.extend(format!("{mark} {values} values, {left_out} left out\n").bytes());
}
