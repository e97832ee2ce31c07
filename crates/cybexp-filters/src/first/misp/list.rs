//! Lists as MISP writes them.

use tahoe_core::Value;

/// Returns the elements of a list. An object in its place is the only element, as in old versions of MISP.
///
/// PHP turns a list from which an element was removed into an object with numeric keys (`{"0": {…}, "2": {…}}`). MISP
/// answers with such objects where it leaves out values of a warninglist.
pub(super) fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (items, numbered, one) = match value {
        Some(Value::Array(items)) => (items.as_slice(), None, None),
        Some(Value::Object(map)) if map.keys().all(|key| is_number(key)) => {
            (&[][..], Some(map), None)
        }
        Some(one @ Value::Object(_)) => (&[][..], None, Some(one)),
        _ => (&[][..], None, None),
    };
    let numbered = numbered.into_iter().flat_map(|map| map.values());
    items.iter().chain(numbered).chain(one)
}

fn is_number(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit())
}
