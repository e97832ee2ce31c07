//! The order of a value's parts in the canonical form.

use serde_json::Value;

use super::sink::Keys;
use super::walk::{self, Elements, Ordered};

/// Sorts a value's parts, from the innermost arrays outwards.
pub(super) fn ordered(value: &Value) -> Ordered<'_> {
    match value {
        Value::Array(items) => match items.as_slice() {
            [one] => Ordered::One(Box::new(ordered(one))),
            items => Ordered::List(Box::new(distinct(items))),
        },
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
fn distinct(items: &[Value]) -> Elements {
    let mut keys = Keys::default();
    let mut order = Vec::with_capacity(items.len());
    for item in items {
        let start = keys.end();
        walk::value(&ordered(item), 0, &mut keys);
        order.push(start..keys.end());
    }
    order.sort_unstable_by(|a, b| keys.of(a).cmp(keys.of(b)));
    order.dedup_by(|a, b| keys.of(a) == keys.of(b));
    Elements { keys, order }
}
