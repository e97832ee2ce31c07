//! Lists as MISP writes them.

use tahoe_core::Value;

/// The elements of a list, or what stands alone where there could be one, as old versions of MISP have it.
///
/// PHP makes of a list from which something was taken an object whose keys are numbers (`{"0": {…}, "2": {…}}`): MISP
/// answers so where it leaves out what a warninglist knows.
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
