//! Readers of what comes over a network.

use cybexp_feed::{JsonPath, ListPlan, split};
use cybexp_input::fuzzing;
use serde_json::value::RawValue;

/// Takes a list out of a document, in all the ways of feeds. What serde_json reads as a list has the same elements.
pub(super) fn list(bytes: &[u8]) {
    let plans = [
        ListPlan::list("data.list").or_top(),
        ListPlan::list("response").elements_up_to(30),
        ListPlan::list("data").lenient(Some("id".to_owned())),
        ListPlan::list(".").lenient(None),
        ListPlan::list("data.0").beside(vec![JsonPath::path("next"), JsonPath::path("data.x")]),
    ];
    for plan in &plans {
        let _ = split(bytes, plan);
    }
    let list = split(bytes, &ListPlan::list("."));
    if let Ok(expected) = serde_json::from_slice::<Vec<Box<RawValue>>>(bytes) {
        let (elements, left) = list.expect("serde_json reads it");
        assert_eq!(left, None);
        assert_eq!(elements.len(), expected.len());
        assert!(
            elements
                .iter()
                .zip(&expected)
                .all(|(a, b)| a.get() == b.get())
        );
    }
}

/// Splits a TCP stream of syslog messages, and reads each.
pub(super) fn syslog(bytes: &[u8]) {
    fuzzing::syslog(bytes);
}

/// Reads a command of the control socket.
pub(super) fn control(bytes: &[u8]) {
    fuzzing::control(&String::from_utf8_lossy(bytes));
}
