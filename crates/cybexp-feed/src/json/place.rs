//! Places in a JSON document.

use serde_json::Value;

/// The keys that lead to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath(Vec<String>);

impl JsonPath {
    /// Keys with dots between them; none for `` and `.`. A number is also the place in a list; a key with a dot in it is found,
    /// too.
    pub fn path(path: &str) -> Self {
        let keys = path.split('.').filter(|key| !key.is_empty());
        Self(keys.map(str::to_owned).collect())
    }

    pub(crate) fn keys(&self) -> &[String] {
        &self.0
    }

    /// How many of the keys from `at` on this one stands for: several where it has dots in it, none where it is another.
    pub(crate) fn matched(&self, at: usize, key: &str) -> usize {
        let rest = &self.0[at..];
        let most = key.matches('.').count() + 1;
        (1..=rest.len().min(most))
            .find(|&keys| rest[..keys].join(".") == key)
            .unwrap_or(0)
    }

    /// The value at this place, as the keys from `at` on lead there.
    pub fn find<'a>(&self, value: &'a Value, at: usize) -> Option<&'a Value> {
        let Some(first) = self.0.get(at) else {
            return Some(value);
        };
        match value {
            Value::Object(members) => {
                members
                    .iter()
                    .find_map(|(key, value)| match self.matched(at, key) {
                        0 => None,
                        keys => self.find(value, at + keys),
                    })
            }
            Value::Array(values) => self.find(values.get(first.parse::<usize>().ok()?)?, at + 1),
            _ => None,
        }
    }

    /// The name of the place that so many keys lead to, for people.
    pub(crate) fn name(&self, keys: usize) -> String {
        match keys {
            0 => "the document".to_owned(),
            keys => self.0[..keys].join("."),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn found_in_objects_lists_and_keys_with_dots() {
        let value = json!({"a": {"b.c": [1, {"d": 2}]}, "@odata.nextLink": "x", "a.b": 3});
        for (path, expected) in [
            ("a.b.c.1.d", Some(json!(2))),
            ("@odata.nextLink", Some(json!("x"))),
            ("a.b", Some(json!(3))),
            (".", Some(value.clone())),
            ("a.x", None),
            ("a.b.c.2", None),
            ("a.b.c.d", None),
        ] {
            assert_eq!(
                JsonPath::path(path).find(&value, 0),
                expected.as_ref(),
                "{path}"
            );
        }
    }
}
