//! The order of a value's parts in the canonical form.

use std::ops::Range;

use serde_json::Value;

use super::sink::Keys;
use super::walk::{self, Ordered};

/// Sorts a value's parts, from the innermost arrays outwards.
pub(super) fn ordered(value: &Value) -> Ordered<'_> {
    match value {
        Value::Array(items) => Ordered::List(distinct(items)),
        Value::Object(map) => {
            let mut entries: Vec<_> = map
                .iter()
                .map(|(key, value)| (key.as_str(), ordered(value)))
                .collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            Ordered::Object(entries)
        }
        scalar => Ordered::Scalar(scalar),
    }
}

/// Returns the elements of an array, sorted by their forms, each once.
fn distinct(items: &[Value]) -> Vec<Ordered<'_>> {
    if let [one] = items {
        return vec![ordered(one)];
    }
    let mut keys = Keys::default();
    let mut elements: Vec<(Range<usize>, Ordered<'_>)> = Vec::with_capacity(items.len());
    for item in items {
        let start = keys.end();
        let element = ordered(item);
        walk::value(&element, 0, &mut keys);
        elements.push((start..keys.end(), element));
    }
    let bytes = keys.bytes();
    elements.sort_unstable_by(|(a, _), (b, _)| bytes[a.clone()].cmp(&bytes[b.clone()]));
    elements.dedup_by(|(a, _), (b, _)| bytes[a.clone()] == bytes[b.clone()]);
    elements.into_iter().map(|(_, element)| element).collect()
}
