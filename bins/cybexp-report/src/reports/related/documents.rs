//! Whole documents in a related report: their order, and the hashes that are left out. No input, no output.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value;
use tahoe_core::{Hash, Instance};

use super::reached::Reached;

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

/// Removes from a session the hashes of events that the user may not see.
pub(super) fn hide_foreign_events(document: &mut Value, reached: &Reached) {
    if document["itype"] != "session" {
        return;
    }
    let known: BTreeSet<Hash> = match Instance::from_document(document) {
        Ok(Instance::Session(session)) => session.children().refs().iter().copied().collect(),
        _ => hashes(&document["_cref"]).collect(),
    };
    let seen: BTreeSet<String> = hashes(&document["_ref"])
        .filter(|hash| known.contains(hash) || reached.events.contains_key(hash))
        .map(|hash| hash.to_string())
        .collect();
    document["_ref"] = seen.into_iter().collect();
}

fn hashes(value: &Value) -> impl Iterator<Item = Hash> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(|item| item.as_str()?.parse().ok())
}
