//! Helpers for tests of large submissions.

use cybexp_filters::{FILTERS, RawInput, Refusal, Yield};
use serde_json::Value;
use tahoe_core::{OrgId, Timestamp};

/// Runs the filter of this name on a raw.
pub(crate) fn run(name: &str, data: &Value) -> Result<Yield, Refusal> {
    let filter = FILTERS.iter().find(|filter| filter.name() == name);
    let orgid = OrgId::new("org").expect("orgid");
    filter.expect("a filter").run(&RawInput {
        data,
        orgid: &orgid,
        timezone: "UTC",
        timestamp: Timestamp::new(1.5).expect("finite"),
    })
}

/// Returns the size of a document in BSON, in bytes.
pub(crate) fn bson_bytes(value: &Value) -> usize {
    let element = |key: usize, value: &Value| 1 + key + 1 + bson_bytes(value);
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 8,
        Value::String(text) => 4 + text.len() + 1,
        Value::Array(items) => {
            let elements = items.iter().enumerate();
            5 + elements
                .map(|(at, item)| element(at.to_string().len(), item))
                .sum::<usize>()
        }
        Value::Object(fields) => {
            let elements = fields.iter().map(|(key, item)| element(key.len(), item));
            5 + elements.sum::<usize>()
        }
    }
}
