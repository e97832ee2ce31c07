//! The parts that a filter makes hold what it makes at once, and no part is large.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::ops::ControlFlow;

use cybexp_filters::{FILTERS, RawInput};
use serde_json::{Value, json};
use tahoe_core::{OrgId, Timestamp};

/// The most references of an event that the store accepts.
const REFERENCES: usize = 10_000;

fn parts(typetag: &str, data: &Value, most: usize) -> Vec<usize> {
    let filter = FILTERS
        .iter()
        .find(|filter| filter.typetags().contains(&typetag));
    let filter = filter.unwrap();
    let orgid = OrgId::new("unr").unwrap();
    let raw = RawInput {
        data,
        orgid: &orgid,
        timezone: "UTC",
        timestamp: Timestamp::new(1_700_000_000.0).unwrap(),
    };
    let (mut sizes, mut hashes, mut left_out) = (Vec::new(), Vec::new(), 0);
    let read = filter.run_in_parts(&raw, &mut |part| {
        sizes.push(part.events.len());
        hashes.extend(part.events.iter().map(tahoe_core::Event::hash));
        left_out += part.left_out.values().sum::<u64>();
        for event in part.events {
            assert!(event.children().refs().len() <= REFERENCES);
        }
        match sizes.len() == most {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    read.unwrap();
    if most == usize::MAX {
        let whole = filter.run(&raw).unwrap();
        let at_once: Vec<_> = whole.events.iter().map(tahoe_core::Event::hash).collect();
        assert_eq!(hashes, at_once);
        assert_eq!(left_out, whole.left_out.values().sum::<u64>());
    }
    sizes
}

#[test]
fn a_feed_comes_in_parts_of_some_hundred_events() {
    let url = |n: usize| match n % 100 {
        7 => "no URL\n".to_owned(),
        _ => format!("http://h{n}.example/x\n"),
    };
    let text: String = (0..3000).map(url).collect();
    let data = json!({"data": text});
    let sizes = parts("openphish_feed", &data, usize::MAX);
    assert!(
        sizes.len() >= 6 && sizes.iter().all(|size| *size <= 500),
        "{sizes:?}"
    );
    assert_eq!(sizes.iter().sum::<usize>(), 2970);
    assert_eq!(parts("openphish_feed", &data, 2).len(), 2, "it breaks off");
}

#[test]
fn a_report_comes_in_events_that_the_store_accepts() {
    let attribute = |n: usize| {
        let tag = json!([{"name": format!("kind:{n}")}]);
        json!({"type": "domain", "value": format!("d{n}.example"), "to_ids": n == 29_000, "Tag": tag})
    };
    let attributes: Vec<Value> = (0..30_000).map(attribute).collect();
    let event =
        json!({"uuid": "u", "info": "i", "timestamp": "1700000000", "Attribute": attributes});
    let data = json!({"Event": event});
    let sizes = parts("misp_event", &data, usize::MAX);
    assert!(sizes.iter().sum::<usize>() >= 6, "{sizes:?}");
    assert!(sizes.len() >= 3, "{sizes:?}");
}
