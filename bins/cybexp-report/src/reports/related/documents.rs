//! Whole documents in a related report: their order, and the events of sessions. No input, no output.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value;
use tahoe_core::Hash;

/// Orders documents: events, newest first, then sessions likewise, then objects and attributes.
pub(super) fn newer(a: &Value, b: &Value) -> Ordering {
    let kinds = ["event", "session", "object", "attribute"];
    let kind = |one: &Value| kinds.iter().position(|kind| one["itype"] == *kind);
    let time = |one: &Value| {
        let time = one["timestamp"].as_f64().or(one["start_time"].as_f64());
        time.unwrap_or(f64::NEG_INFINITY)
    };
    let order = kind(a).cmp(&kind(b)).then(time(b).total_cmp(&time(a)));
    ["sub_type", "_hash"].iter().fold(order, |order, field| {
        order.then_with(|| a[field].as_str().cmp(&b[field].as_str()))
    })
}

/// Adds to `_ref` of a session the hashes of those of its events that are part of the answer.
pub(super) fn refer_to_events(session: &mut Value, events: &BTreeSet<Hash>) {
    let own = session["_ref"].as_array().into_iter().flatten();
    let own = own.filter_map(|hash| hash.as_str().map(str::to_owned));
    let all: BTreeSet<String> = own.chain(events.iter().map(Hash::to_string)).collect();
    session["_ref"] = all.into_iter().collect();
}
