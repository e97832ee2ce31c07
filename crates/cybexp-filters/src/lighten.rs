//! Making a submission smaller that is too large to be stored.

use tahoe_core::Value;

use crate::FILTERS;

/// Drops fields that no filter of this typetag reads, one by one, until the data fits. Returns the names of the dropped
/// fields.
///
/// Since version 2.5.8, MISP writes with each cluster of a galaxy all related clusters: a megabyte for one technique of
/// ATT&CK, eleven levels deep. An event of fifty attributes is then too large for a raw.
pub fn lighten(
    typetag: &str,
    data: &mut Value,
    fits: impl Fn(&Value) -> bool,
) -> Vec<&'static str> {
    let mut gone = Vec::new();
    for field in dispensable(typetag) {
        if fits(data) {
            break;
        }
        if drop_below(data, field) {
            gone.push(field);
        }
    }
    gone
}

/// Returns the fields that a submission of this typetag may lose if it is too large, the least useful first: those that
/// none of its filters reads.
pub fn dispensable(typetag: &str) -> Vec<&'static str> {
    let mut readers = FILTERS
        .iter()
        .filter(|filter| filter.typetags().contains(&typetag));
    let first = readers.next();
    let mut fields = first.map_or(Vec::new(), |filter| filter.dispensable().to_vec());
    for other in readers {
        fields.retain(|field| other.dispensable().contains(field));
    }
    fields
}

/// Drops a field from all objects below a value, but not from the value itself. Returns whether any had it.
fn drop_below(value: &mut Value, field: &str) -> bool {
    let mut found = false;
    let mut parts: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(map) => map.values_mut().collect(),
        _ => Vec::new(),
    };
    while let Some(part) = parts.pop() {
        match part {
            Value::Array(items) => parts.extend(items),
            Value::Object(map) => {
                found |= map.contains_key(field);
                map.retain(|key, _| key != field);
                parts.extend(map.values_mut());
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tahoe_core::canonical::{HASHED_BYTES, measure};

    use super::*;

    fn event(relations: usize) -> Value {
        let relation =
            |n: usize| json!({"id": n.to_string(), "Tag": [{"name": "likelihood=\"certain\""}]});
        let relations: Vec<Value> = (0..relations).map(relation).collect();
        let cluster = json!({"tag_name": "t", "TargetingClusterRelation": relations, "meta": {"refs": ["r"]}});
        let attribute = json!({"type": "ip-dst", "value": "203.0.113.9", "Galaxy": [{"GalaxyCluster": [cluster]}]});
        let object = json!({"name": "ip-port", "Attribute": [attribute]});
        json!({"response": [{"Event": {"uuid": "u", "info": "i", "data": "d", "Object": [object]}}]})
    }

    #[test]
    fn an_event_loses_what_its_clusters_are_related_to_and_nothing_else() {
        let fits = |data: &Value| measure(data, HASHED_BYTES).is_ok();
        let mut large = event(2_000);
        assert!(!fits(&large));
        assert_eq!(
            lighten("misp_event", &mut large, fits),
            ["TargetingClusterRelation"]
        );
        assert!(fits(&large));
        let mut without = event(0);
        drop_below(&mut without, "TargetingClusterRelation");
        assert_eq!(large, without);
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let mut small = event(2);
        assert!(lighten("misp_event", &mut small, |_| true).is_empty());
        assert_eq!(small, event(2));
        let mut other = event(2);
        assert!(lighten("cowrie", &mut other, |_| false).is_empty());
        assert_eq!(other, event(2));
    }

    #[test]
    fn a_field_at_the_top_stays() {
        let mut text = json!({"data": "{\"Event\": 1}"});
        assert!(lighten("misp_event", &mut text, |_| false).is_empty());
        assert_eq!(text, json!({"data": "{\"Event\": 1}"}));
    }
}
