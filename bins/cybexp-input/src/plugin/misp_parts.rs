//! A MISP event as records: one, or several of an event that is too large for one.
//!
//! Each of several records is the event with a part of its attributes and objects, in their order. It repeats the fields
//! that describe the event, so that the filter makes events of the same time, id, uuid, info and tags of them. The same
//! event always makes the same records.

use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The longest event that becomes one record, in bytes.
pub(super) const ONE_BYTES: usize = 8 << 20;
/// The most bytes of attributes and objects in one of several records; a single longer one is alone.
const PART_BYTES: usize = 4 << 20;
/// The most bytes of the fields that are repeated.
const HEAD_BYTES: usize = 4 << 20;
/// Fields of an event that may be large, and that the filter does not read.
const UNREAD: [&str; 4] = ["RelatedEvent", "ShadowAttribute", "EventReport", "Galaxy"];
/// The longest event that is taken, in bytes: it is in memory as a whole.
pub(super) const EVENT_BYTES: usize = 128 << 20;

/// The fields that are divided among records.
const DIVIDED: [&str; 2] = ["Attribute", "Object"];

/// Returns the records of an event, given without the object around it.
///
/// # Errors
/// Says why it cannot be divided: its attributes or objects are no list, or the rest of it is too large.
pub(super) fn records(event: &str) -> Result<Vec<Bytes>, String> {
    divided(event).map_err(|why| format!("cannot be divided: {why}"))
}

fn divided(event: &str) -> Result<Vec<Bytes>, String> {
    let told = |error: serde_json::Error| error.to_string();
    if event.len() <= ONE_BYTES {
        return Ok(vec![format!("{{\"Event\":{event}}}").into()]);
    }
    let fields: Fields<'_> = serde_json::from_str(event).map_err(told)?;
    let mut head = String::new();
    let mut parts: Vec<(&str, &str)> = Vec::new();
    for (name, value) in &fields.0 {
        match DIVIDED.iter().find(|divided| *divided == name) {
            Some(divided) => {
                let elements: Option<Vec<&RawValue>> = serde_json::from_str(value.get())
                    .map_err(|error| format!("{name}: {error}"))?;
                let elements = elements.into_iter().flatten();
                parts.extend(elements.map(|element| (*divided, element.get())));
            }
            None if UNREAD.contains(&name.as_str()) => {}
            None => {
                head.push_str(&serde_json::to_string(name).map_err(told)?);
                head.push(':');
                head.push_str(value.get());
                head.push(',');
            }
        }
    }
    if head.len() > HEAD_BYTES {
        return Err(format!(
            "what describes it is longer than {} MiB",
            HEAD_BYTES >> 20
        ));
    }
    Ok(groups(&parts)
        .map(|group| record(&head, group).into())
        .collect())
}

/// Cuts parts into groups of bounded size, at least one.
fn groups<'a, 'p>(
    parts: &'a [(&'p str, &'p str)],
) -> impl Iterator<Item = &'a [(&'p str, &'p str)]> {
    let mut rest = Some(parts);
    std::iter::from_fn(move || {
        let parts = rest?;
        let mut bytes = 0;
        let fits = parts.iter().take_while(|(_, text)| {
            bytes += text.len() + 1;
            bytes <= PART_BYTES
        });
        let (group, left) = parts.split_at(fits.count().max(1).min(parts.len()));
        rest = Some(left).filter(|left| !left.is_empty());
        Some(group)
    })
}

/// Makes a record of the fields that describe an event, and some of its parts.
fn record(head: &str, group: &[(&str, &str)]) -> String {
    let of = |name: &str| {
        let texts = group.iter().filter(|(field, _)| *field == name);
        texts.map(|(_, text)| *text).collect::<Vec<_>>().join(",")
    };
    let [attributes, objects] = DIVIDED.map(of);
    format!("{{\"Event\":{{{head}\"Attribute\":[{attributes}],\"Object\":[{objects}]}}}}")
}

/// The fields of an object, in their order.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event of MISP's")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(attributes: usize, objects: usize) -> String {
        let attribute = |n: usize| json!({"type": "ip-dst", "value": format!("{n}"), "comment": "x".repeat(200)});
        let object = |n: usize| json!({"name": "file", "Attribute": [attribute(n)]});
        let event = json!({
            "uuid": "u", "info": "\"i", "RelatedEvent": ["r".repeat(300_000)], "timestamp": "1",
            "Attribute": (0..attributes).map(attribute).collect::<Vec<_>>(),
            "Object": (0..objects).map(object).collect::<Vec<_>>(),
        });
        event.to_string()
    }

    #[test]
    fn an_event_that_fits_is_one_record_with_its_bytes() {
        let event = event(10, 10);
        assert_eq!(records(&event).unwrap(), [format!("{{\"Event\":{event}}}")]);
    }

    #[test]
    fn all_of_a_large_event_is_in_its_records_once() {
        let large = event(60_000, 20_000);
        assert!(large.len() > 18 << 20);
        let all = records(&large).unwrap();
        assert!((5..8).contains(&all.len()), "{}", all.len());
        let (mut attributes, mut objects) = (Vec::new(), Vec::new());
        for record in &all {
            assert!(record.len() < PART_BYTES + 1000);
            let record: Value = serde_json::from_slice(record).unwrap();
            let event = &record["Event"];
            let head = (&event["uuid"], &event["info"], &event["timestamp"]);
            assert_eq!(head, (&json!("u"), &json!("\"i"), &json!("1")));
            assert!(
                event.get("RelatedEvent").is_none(),
                "it is in no record, as no filter reads it"
            );
            attributes.extend(event["Attribute"].as_array().unwrap().clone());
            objects.extend(event["Object"].as_array().unwrap().clone());
        }
        let whole: Value = serde_json::from_str(&large).unwrap();
        assert_eq!(Value::from(attributes), whole["Attribute"]);
        assert_eq!(Value::from(objects), whole["Object"]);
    }

    #[test]
    fn what_is_no_list_is_an_error_and_null_is_none() {
        let long = "x".repeat(9 << 20);
        let wrong = records(&json!({"Galaxy": long, "Attribute": 1}).to_string());
        assert!(
            wrong
                .unwrap_err()
                .starts_with("cannot be divided: Attribute: ")
        );
        let wrong = records(&json!({"info": long, "Attribute": []}).to_string());
        let why = "cannot be divided: what describes it is longer than 4 MiB";
        assert_eq!(wrong.unwrap_err(), why);
        let none = records(&json!({"Galaxy": long, "info": "i", "Attribute": null}).to_string());
        assert_eq!(
            none.unwrap(),
            [r#"{"Event":{"info":"i","Attribute":[],"Object":[]}}"#]
        );
    }
}
