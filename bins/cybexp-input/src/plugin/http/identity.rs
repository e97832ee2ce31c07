//! The key by which an element of a list is known again.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use cybexp_feed::{self as feed, JsonPath};
use cybexp_spool::ItemKey;

/// The setting `id`: one field, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum IdSetting {
    One(String),
    Several(Vec<String>),
}

/// The fields that name an element; all of it where there is none.
#[derive(Debug, Default)]
pub(super) struct ItemIdentity(Vec<JsonPath>);

impl ItemIdentity {
    pub(super) fn new(id: Option<IdSetting>) -> Self {
        let paths = match id {
            None => Vec::new(),
            Some(IdSetting::One(path)) => vec![path],
            Some(IdSetting::Several(paths)) => paths,
        };
        Self(paths.iter().map(|path| JsonPath::path(path)).collect())
    }

    /// The key of an element: by its fields, if it has one of them, else by all of its values.
    pub(super) fn of(&self, element: &RawValue) -> ItemKey {
        self.by_fields(element)
            .unwrap_or_else(|| feed::key(element.get()))
    }

    fn by_fields(&self, element: &RawValue) -> Option<ItemKey> {
        if self.0.is_empty() {
            return None;
        }
        let element: Value = serde_json::from_str(element.get()).ok()?;
        let (mut name, mut any) = (Vec::new(), false);
        for place in &self.0 {
            let text = match place.find(&element, 0) {
                None | Some(Value::Null) => String::new(),
                // the same id may be a number or its text
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
            };
            any |= !text.is_empty();
            name.extend((text.len() as u64).to_be_bytes());
            name.extend(text.into_bytes());
        }
        any.then(|| ItemKey::of([b"id:", &name[..]].concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_one_field_by_several_and_by_all() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let one = ItemIdentity::new(Some(IdSetting::One("a.id".to_owned())));
        let key = |text: &str| one.of(&raw(text));
        assert_eq!(
            key(r#"{"a": {"id": 5}, "age": 1}"#),
            key(r#"{"age": 2, "a": {"id": "5"}}"#)
        );
        assert_ne!(key(r#"{"a": {"id": 5}}"#), key(r#"{"a": {"id": 6}}"#));
        for without in [r#"{"b": 1}"#, r#"{"a": {"id": null}}"#, "5"] {
            assert_eq!(key(without), feed::key(without));
        }
        let several = ItemIdentity::new(Some(IdSetting::Several(vec![
            "id".to_owned(),
            "at".to_owned(),
        ])));
        let key = |text: &str| several.of(&raw(text));
        assert_eq!(
            key(r#"{"id": 1, "at": 2, "x": 1}"#),
            key(r#"{"id": 1, "at": 2, "x": 2}"#)
        );
        assert_ne!(key(r#"{"id": 1, "at": 2}"#), key(r#"{"id": 1, "at": 3}"#));
        assert_ne!(key(r#"{"id": 1, "at": 23}"#), key(r#"{"id": 12, "at": 3}"#));
    }
}
