//! The memory that a large record takes until it is a raw, in a process of its own.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::fmt::Write as _;

use cybexp_archive::raw_of;
use tahoe_core::SubmissionTags;

const ATTRIBUTES: usize = 100_000;
/// The most bytes of memory for each byte of the record: its value takes six.
const MOST: usize = 12;

/// The most memory that this process ever had, in bytes.
fn peak() -> usize {
    let kib = cybexp_testkit::status_of(std::process::id(), "VmHWM").unwrap();
    kib as usize * 1024
}

/// Makes a MISP event of indicators, without a value of it in memory.
fn event() -> String {
    let mut text =
        r#"{"Event": {"uuid": "5f1a0c2e-0000-4000-8000-000000000001", "info": "a botnet", "Attribute": ["#
            .to_owned();
    for n in 0..ATTRIBUTES {
        let comma = if n == 0 { "" } else { "," };
        let address = format!("198.{}.{}.{}", 18 + (n >> 16 & 1), n >> 8 & 255, n & 255);
        match n % 2 {
            0 => write!(
                text,
                "{comma}{{\"type\":\"ip-dst\",\"value\":\"{address}\",\"to_ids\":true,\"category\":\"Network activity\"}}"
            ),
            _ => write!(
                text,
                "{comma}{{\"type\":\"sha256\",\"value\":\"{n:064x}\",\"to_ids\":true}}"
            ),
        }
        .unwrap();
    }
    text + "]}}"
}

#[test]
fn a_wide_event_takes_little_more_memory_than_its_value() {
    let bytes = event().into_bytes();
    let length = bytes.len();
    let tags = SubmissionTags {
        typetag: "misp_event".to_owned(),
        orgid: "unr".to_owned(),
        timezone: "UTC".to_owned(),
        tlp: None,
    };
    let before = peak();
    let raw = raw_of(&tags, 1.5, bytes).unwrap();
    let took = peak() - before;
    eprintln!("{length} bytes took {} MiB", took >> 20);
    assert!(took < MOST * length, "{took} bytes for {length}");
    let attributes = raw.data()["Event"]["Attribute"].as_array().unwrap();
    assert_eq!(attributes.len(), ATTRIBUTES);
}
