//! The key of an element that stands in an object of ids.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::piece::FeedPiece;

#[derive(Deserialize)]
struct Members<'a>(#[serde(borrow)] HashMap<Cow<'a, str>, IgnoredAny>);

/// The element with the key of which it stands as its member `name`; one that is no object, as the member `value` of one.
pub(crate) fn with(element: &RawValue, name: &str, key: &str) -> FeedPiece<Box<RawValue>> {
    let text = element.get();
    let (name, key) = (Value::from(name), Value::from(key));
    let named = match text.strip_prefix('{') {
        None => format!("{{{name}:{key},\"value\":{text}}}"),
        Some(rest) => {
            let members = serde_json::from_str::<Members<'_>>(text);
            let members = members.map(|members| members.0).unwrap_or_default();
            if members.contains_key(name.as_str().unwrap_or_default()) {
                return FeedPiece::Good(element.to_owned());
            }
            let comma = if members.is_empty() { "" } else { "," };
            format!("{{{name}:{key}{comma}{rest}")
        }
    };
    match RawValue::from_string(named) {
        Ok(named) => FeedPiece::Good(named),
        Err(error) => FeedPiece::Left(format!("the element {key} cannot be named: {error}")),
    }
}
