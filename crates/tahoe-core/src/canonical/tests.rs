use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn nested(levels: usize, mut value: Value) -> Value {
    for level in 0..levels {
        value = match level % 2 {
            0 => json!([value]),
            _ => json!({"k": value}),
        };
    }
    value
}

/// The form as the Python library makes it: each level becomes a string, and that string a JSON string again.
fn by_levels(value: &Value) -> String {
    let quote = |text: &str| {
        canonical_scalar(&Scalar::Str(format!("\u{200b}{text}\u{200b}"))).replace("\\u200b", "")
    };
    match value {
        Value::Array(items) => {
            let forms: BTreeSet<String> = items.iter().map(by_levels).collect();
            let items: Vec<String> = forms.iter().map(|form| quote(form)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries = entries
                .into_iter()
                .map(|(key, value)| format!("{}: {}", quote(key), quote(&by_levels(value))));
            format!("{{{}}}", Vec::from_iter(entries).join(", "))
        }
        Value::String(text) => canonical_scalar(&Scalar::Str(text.clone())),
        Value::Number(number) if number.is_f64() => python_float(number.as_f64().unwrap()),
        other => other.to_string(),
    }
}

/// Values whose forms differ late, and in runs of backslashes of unequal length.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "[\"\\\\a{\\[~\n\u{fc}\u{1f600}]{0,4}".prop_map(Value::from),
        (0_i64..3).prop_map(Value::from),
        Just(json!(1.0)),
        Just(json!(null)),
        Just(json!("")),
    ];
    leaf.prop_recursive(6, 60, 5, |inner| {
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            1 => prop::collection::btree_map("[\"\\\\ab]{0,2}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_hash_and_length_are_those_of_the_form_made_level_by_level(value in value()) {
        let form = by_levels(&value);
        prop_assert_eq!(&canonical(&value).unwrap(), &form);
        prop_assert_eq!(hash(&["raw", "x"], &value).unwrap(), Hash::of(&["raw", "x", &form]));
        let bound = measure(&value, u64::MAX).unwrap();
        prop_assert!(bound >= form.len() as u64);
        if !has_duplicates(&value) {
            prop_assert_eq!(bound, form.len() as u64);
        }
        prop_assert!(form.is_empty() || canonical_within(&value, bound - 1).is_err());
    }
}

fn has_duplicates(value: &Value) -> bool {
    match value {
        Value::Array(items) => {
            let forms: BTreeSet<String> = items.iter().map(by_levels).collect();
            forms.len() < items.len() || items.iter().any(has_duplicates)
        }
        Value::Object(map) => map.values().any(has_duplicates),
        _ => false,
    }
}

#[test]
fn a_value_that_is_only_deep_costs_nothing() {
    let start = Instant::now();
    for levels in [23, 40, 80, 110] {
        let value = nested(levels, json!("x"));
        assert!(canonical(&value).is_err(), "{levels}");
        assert!(hash(&["raw"], &value).is_err(), "{levels}");
        // the same beside much text
        let value = json!([nested(levels, json!("x")), "x".repeat(10_000)]);
        assert!(hash(&["raw"], &value).is_err(), "{levels}");
    }
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_little_nesting_is_taken_whatever_it_is_of() {
    assert!(canonical(&nested(12, json!("x"))).is_ok());
}

/// A value as MISP sends it: relations of clusters, eleven levels deep, in whose form most characters are escapes.
#[test]
fn a_form_of_200_megabytes_is_hashed_in_little_memory() {
    let relation = |n: usize| json!({"id": n.to_string(), "Tag": [{"name": "estimative-language:likelihood=\"almost-certain\""}]});
    let relations: Vec<Value> = (0..6_000).map(relation).collect();
    let value = nested(7, json!({ "TargetingClusterRelation": relations }));
    let bytes = measure(&value, HASHED_BYTES).unwrap();
    assert!(bytes > 200_000_000, "{bytes}");
    assert!(hash(&["raw"], &value).is_ok());
    assert!(matches!(
        canonical(&value),
        Err(TooLarge { limit: TEXT_BYTES })
    ));
}
