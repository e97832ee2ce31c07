//! The memory that a raw takes once it is read, in a process of its own: some times its document, whatever is in it.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are part of what it shows, and clippy sees helpers of a test as no test"
)]

use bson::{Bson, Document, RawArrayBuf, RawDocumentBuf, doc, rawdoc};
use cybexp_store::PendingRaw;
use cybexp_testkit::status_of;

/// The most bytes of memory for each byte of the document, as `docs/ARCHITECTURE.md` says.
const MOST: usize = 27;
/// The same for an event of indicators with few fields, which are the largest raws.
const MOST_OF_EVENT: usize = 8;
/// Bytes of a document.
const BYTES: usize = 4 << 20;

/// Returns the memory of this process in bytes.
fn memory() -> usize {
    status_of(std::process::id(), "VmRSS").unwrap() as usize * 1024
}

/// Reads a raw of as many of these items as fit. Returns the bytes of its document, of the memory that it takes, and the raw.
fn read(item: ItemOf) -> (usize, usize, PendingRaw) {
    let raw_item = |n| RawDocumentBuf::try_from(&doc! {"0": item(n)}).unwrap();
    let count = BYTES / raw_item(0).as_bytes().len();
    // one after the other: what a tree of them freed would be used again, and the raw would seem to take nothing
    let mut items = RawArrayBuf::new();
    for n in 0..count {
        let one = raw_item(n);
        items.push(one.get("0").unwrap().unwrap());
    }
    let id = bson::Binary {
        subtype: bson::spec::BinarySubtype::Generic,
        bytes: [b"r".to_vec(), vec![0; 48]].concat(),
    };
    let document = rawdoc! {
        "_id": id, "_hash": "0".repeat(64), "data": items, "orgid": "unr", "timestamp": 1.5,
    };
    let before = memory();
    let raw: PendingRaw = bson::deserialize_from_slice(document.as_bytes()).unwrap();
    let took = memory().saturating_sub(before);
    assert_eq!(raw.data.as_array().unwrap().len(), count);
    (document.as_bytes().len(), took, raw)
}

fn nested(levels: usize) -> Bson {
    (0..levels).fold(Bson::Document(Document::new()), |inner, _| {
        doc! {"": inner}.into()
    })
}

fn attribute(n: usize) -> Bson {
    doc! {"type": "ip-dst", "value": format!("198.51.100.{n}"), "to_ids": true, "category": "Network activity"}.into()
}

/// Makes the item of a number.
type ItemOf = fn(usize) -> Bson;

#[test]
fn a_raw_takes_some_times_its_document() {
    let kinds: [(&str, usize, ItemOf); 4] = [
        ("numbers", MOST, |n| Bson::Int32(n as i32)),
        ("attributes", MOST_OF_EVENT, attribute),
        ("objects of one field", MOST, |_| doc! {"": 0}.into()),
        ("objects in objects", MOST, |_| nested(80)),
    ];
    // none is dropped, for what is freed is used again
    let mut all = Vec::new();
    for (kind, most, item) in kinds {
        let (bytes, took, raw) = read(item);
        all.push(raw);
        println!(
            "{kind}: {bytes} bytes take {took}, {:.1} times",
            took as f64 / bytes as f64
        );
        assert!(took > 2 * bytes, "{kind}: it was not measured");
        assert!(took <= most * bytes, "{kind}: {bytes} bytes take {took}");
    }
}
