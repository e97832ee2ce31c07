//! Sightings by an analyst, or by a program on their behalf.
//!
//! `{"timestamp"?, "category"?, "context"?, <sub_type>: <value or list of values>, …}`. Values are spelled as other
//! filters spell them, so that a sighting correlates with other sources. Unlike in other filters, no host is read off a
//! URL.

use serde_json::Map;
use tahoe_core::{Attribute, Category, Event, Scalar, SubType, Timestamp, Value};

use crate::{Filter, RawInput, Refusal, Yield, excerpt, normal, time, vocab};

/// Makes one event of each value in a sighting. A value that does not agree with its sub_type is left out and counted.
/// If no value is left, the sighting is refused with the reason.
pub(crate) struct Sighting;

/// The most values of one sighting: each becomes an event, so some bytes in a raw make a kilobyte and more.
const ATTRIBUTES: usize = 10_000;

const RESERVED: [&str; 3] = ["timestamp", "category", "context"];

impl Filter for Sighting {
    fn name(&self) -> &'static str {
        "sighting"
    }

    fn version(&self) -> u32 {
        2
    }

    fn typetags(&self) -> &'static [&'static str] {
        &["sighting"]
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        let fields = raw
            .data
            .as_object()
            .ok_or_else(|| Refusal::new("a sighting is a JSON object"))?;
        let at = match fields.get("timestamp") {
            None => raw.timestamp,
            Some(value) => time::parse(value, raw.timezone)
                .map_err(|reason| Refusal::new(format!("timestamp {reason}")))?,
        };
        let category = one_of_three(fields, "category")?;
        let context = one_of_three(fields, "context")?;
        let mut made = Yield::default();
        let mut refused = None;
        let given = fields
            .iter()
            .filter(|(field, _)| !RESERVED.contains(&field.as_str()));
        for (field, value) in given {
            for value in values(value) {
                if made.events.len() == ATTRIBUTES {
                    return Err(Refusal::new(format!(
                        "a sighting names at most {ATTRIBUTES} attributes: post it in parts"
                    )));
                }
                match event(field, value, raw, at, category, context) {
                    Ok(event) => made.events.push(event),
                    Err(refusal) => {
                        made.leave_out("not_a_value");
                        refused.get_or_insert(refusal);
                    }
                }
            }
        }
        match (made.events.is_empty(), refused) {
            (false, _) => Ok(made),
            (true, Some(refusal)) => Err(refusal),
            (true, None) => Err(Refusal::new(
                "a sighting names at least one attribute besides timestamp, category and context",
            )),
        }
    }
}

/// Returns the values of one sub_type: the elements of a list, or a single value.
fn values(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}

/// Reads a category or a context, which have the same three values.
fn one_of_three(fields: &Map<String, Value>, field: &str) -> Result<Category, Refusal> {
    match fields.get(field) {
        None => Ok(Category::Unknown),
        Some(Value::String(text)) => text
            .parse()
            .map_err(|error| Refusal::new(format!("{field} {error}"))),
        Some(_) => Err(Refusal::new(format!("{field} is not text"))),
    }
}

fn event(
    field: &str,
    value: &Value,
    raw: &RawInput<'_>,
    at: Timestamp,
    category: Category,
    context: Category,
) -> Result<Event, Refusal> {
    let refuse = |reason: &dyn std::fmt::Display| {
        Refusal::new(format!("field {}: {reason}", excerpt(field)))
    };
    let sub_type = SubType::new(field).map_err(|error| refuse(&error))?;
    let value = Scalar::try_from(value).map_err(|error| refuse(&error))?;
    Attribute::checked(sub_type.clone(), value.clone()).map_err(|error| refuse(&error))?;
    let attribute = normal(&sub_type, &value).map_err(|error| refuse(&error))?;
    let seen = attribute.hash();
    let event = Event::new(
        vocab::SIGHTING,
        raw.orgid.clone(),
        at,
        vec![attribute.into()],
    )
    .map_err(|error| refuse(&error))?
    .with_category(category);
    match context {
        Category::Malicious => event.with_malicious([seen]),
        Category::Benign => event.with_benign([seen]),
        Category::Unknown => Ok(event),
    }
    .map_err(|error| refuse(&error))
}
