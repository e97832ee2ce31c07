//! The attributes of an event, read from the event's own data.

use std::collections::{HashMap, HashSet};

use bson::{RawBsonRef, RawDocument};
use tahoe_core::{Attribute, Finite, Hash, Scalar, SubType};

/// Returns the attributes in the data of an event, at any depth, each once. Values that no attribute can hold are left out.
pub(crate) fn attributes(data: &RawDocument) -> HashMap<Hash, Attribute> {
    let mut all = HashMap::new();
    each(data, &|_| true, &mut |_, attribute| {
        all.insert(attribute.hash(), attribute);
    });
    all
}

/// Returns the sub_types and hashes of the attributes of the wanted sub_types in the data of an event, each once.
pub(crate) fn hashes(data: &RawDocument, wanted: impl Fn(&str) -> bool) -> HashSet<(&str, Hash)> {
    let mut all = HashSet::new();
    each(data, &wanted, &mut |name, attribute| {
        all.insert((name, attribute.hash()));
    });
    all
}

/// Calls `found` with each attribute of the wanted sub_types.
fn each<'a>(
    data: &'a RawDocument,
    wanted: &impl Fn(&str) -> bool,
    found: &mut impl FnMut(&'a str, Attribute),
) {
    for (name, values) in data.iter().flatten() {
        let RawBsonRef::Array(values) = values else {
            continue;
        };
        let name = name.as_str();
        let is_wanted = wanted(name);
        for value in values.into_iter().flatten() {
            if let RawBsonRef::Document(object) = value {
                each(object, wanted, found);
            } else if is_wanted
                && let Some(data) = scalar(value)
                && let Ok(sub_type) = SubType::new(name)
            {
                found(name, Attribute::new(sub_type, data));
            }
        }
    }
}

fn scalar(value: RawBsonRef<'_>) -> Option<Scalar> {
    Some(match value {
        RawBsonRef::Null => Scalar::Null,
        RawBsonRef::Boolean(value) => Scalar::Bool(value),
        RawBsonRef::Int32(value) => Scalar::Int(i64::from(value)),
        RawBsonRef::Int64(value) => Scalar::Int(value),
        RawBsonRef::Double(value) => Scalar::Float(Finite::new(value).ok()?),
        RawBsonRef::String(text) => Scalar::Str(text.to_owned()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bson::{RawDocumentBuf, doc};

    use super::*;

    #[test]
    fn attributes_are_those_of_the_data_at_any_depth() {
        let data = doc! {
            "port": [22, 22_i64, 22.0, "22"],
            "attacker": [{"ipv4": ["203.0.113.9"], "geo": [{"ipv4": ["203.0.113.9"], "ok": [true, null]}]}],
            "odd": "no list",
        };
        let data = RawDocumentBuf::try_from(&data).unwrap();
        let told: BTreeSet<String> = attributes(&data)
            .into_values()
            .map(|it| format!("{} {:?}", it.sub_type(), it.data()))
            .collect();
        assert_eq!(told.len(), 6, "{told:?}");
        let address = Attribute::new(SubType::from_static("ipv4"), "203.0.113.9");
        let addresses = hashes(&data, |name| name == "ipv4");
        assert_eq!(addresses, HashSet::from([("ipv4", address.hash())]));
        assert_eq!(hashes(&data, |name| name == "port").len(), 3);
    }
}
