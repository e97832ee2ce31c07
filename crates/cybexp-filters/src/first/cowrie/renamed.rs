//! Records whose fields a pipeline has renamed: Graylog puts an underscore before each, others the name of the source,
//! and Elasticsearch's `fields` has each value in a list.

use tahoe_core::Value;

/// The prefix before each name.
const PREFIXES: [&str; 6] = ["", "_", "cowrie.", "json.", "data.", "honeypot."];
/// Fields that are lists.
const LISTS: [&str; 6] = ["encCS", "keyAlgs", "macCS", "compCS", "kexAlgs", "langCS"];

/// The record with Cowrie's names; `None` where there is no eventid under any of these.
pub(super) fn record(value: &Value) -> Option<Value> {
    let fields = value.as_object()?;
    let is_id = |value: &Value| single(value).is_some_and(Value::is_string);
    let prefix = PREFIXES
        .iter()
        .find(|prefix| fields.get(&format!("{prefix}eventid")).is_some_and(is_id))?;
    // A field without the prefix is the pipeline's. It counts only if the record lacks that field.
    let named = |(name, value): (&String, &Value)| {
        let name = name.strip_prefix(prefix)?;
        let inner = single(value).filter(|_| !LISTS.contains(&name));
        Some((name.to_owned(), inner.unwrap_or(value).clone()))
    };
    let others = fields.iter().filter(|(name, _)| !name.starts_with(prefix));
    let others = others.map(|(name, value)| (name.clone(), value.clone()));
    Some(others.chain(fields.iter().filter_map(named)).collect())
}

/// The value, or the only one of a list.
fn single(value: &Value) -> Option<&Value> {
    match value {
        Value::Array(items) => match items.as_slice() {
            [item] => Some(item),
            _ => None,
        },
        value => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn gives_fields_their_names_back() {
        let meant = json!({"eventid": "cowrie.command.input", "input": "ls", "encCS": ["a"]});
        for renamed in [
            json!({"_eventid": "cowrie.command.input", "_input": "ls", "_encCS": ["a"]}),
            json!({"cowrie.eventid": "cowrie.command.input", "cowrie.input": "ls", "cowrie.encCS": ["a"]}),
            json!({"eventid": ["cowrie.command.input"], "input": ["ls"], "encCS": ["a"]}),
        ] {
            assert_eq!(record(&renamed), Some(meant.clone()), "{renamed}");
        }
        let both = record(&json!({"timestamp": 1, "input": "x", "_eventid": "a", "_input": "y"}));
        assert_eq!(
            both,
            Some(json!({"timestamp": 1, "input": "y", "eventid": "a"}))
        );
        assert_eq!(record(&json!({"eventid": ["a", "b"]})), None);
        assert_eq!(record(&json!(["eventid"])), None);
    }
}
