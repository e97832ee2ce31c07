//! The forms in which objects arrive: bundles, pages of a TAXII collection, lists of these, or an object alone.

use tahoe_core::Value;

use crate::Refusal;

/// The deepest nesting of lists and bundles that is read.
const DEPTH: usize = 4;

/// Returns the objects of a submission.
pub(super) fn objects(data: &Value) -> Result<Vec<&Value>, Refusal> {
    let mut found = Vec::new();
    collect(data, 0, &mut found);
    match found.is_empty() {
        false => Ok(found),
        true => Err(Refusal::new(match data.get("objects") {
            Some(Value::Array(_)) => "objects: none has a type",
            Some(_) => "objects is not a list",
            None => "objects is missing, and so is the type of one that stands alone",
        })),
    }
}

fn collect<'a>(data: &'a Value, depth: usize, found: &mut Vec<&'a Value>) {
    if depth > DEPTH {
        return;
    }
    let fields = match data {
        Value::Array(list) => return list.iter().for_each(|one| collect(one, depth + 1, found)),
        Value::Object(fields) => fields,
        _ => return,
    };
    // observed data of version 2.0 has objects, too
    let kind = fields.get("type").and_then(Value::as_str);
    match fields.get("objects") {
        Some(objects @ Value::Array(_)) if kind.is_none_or(|kind| kind == "bundle") => {
            collect(objects, depth + 1, found);
        }
        _ => found.extend(kind.filter(|kind| *kind != "bundle").map(|_| data)),
    }
}
