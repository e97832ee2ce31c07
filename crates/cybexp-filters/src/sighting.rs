//! Sightings: what an analyst, or a program on their behalf, saw.
//!
//! `{"timestamp"?, "category"?, "context"?, <sub_type>: <value>, …}`, taken as given: no host is read off a URL.

use serde_json::Map;
use tahoe_core::{Attribute, Category, Event, Scalar, SubType, Timestamp, Value};

use crate::{Filter, RawInput, Refusal, Yield, excerpt, time, vocab};

/// Makes one event of each attribute in a sighting.
pub(crate) struct Sighting;

/// Each attribute is an event of its own: of some bytes in a raw, a kilobyte and more is made.
const ATTRIBUTES: usize = 10_000;

const RESERVED: [&str; 3] = ["timestamp", "category", "context"];

impl Filter for Sighting {
    fn name(&self) -> &'static str {
        "sighting"
    }

    fn version(&self) -> u32 {
        1
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
        if fields.len() > ATTRIBUTES + RESERVED.len() {
            return Err(Refusal::new(format!(
                "a sighting names at most {ATTRIBUTES} attributes, not {}",
                fields.len()
            )));
        }
        let events = fields
            .iter()
            .filter(|(field, _)| !RESERVED.contains(&field.as_str()))
            .map(|(field, value)| event(field, value, raw, at, category, context))
            .collect::<Result<Vec<_>, _>>()?;
        if events.is_empty() {
            return Err(Refusal::new(
                "a sighting names at least one attribute besides timestamp, category and context",
            ));
        }
        Ok(Yield {
            events,
            ..Yield::default()
        })
    }
}

/// A category or a context: they have the same three values.
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
    let attribute = Attribute::new(sub_type, value);
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
