//! The forms in which reports arrive: whole events, or attributes and objects that a search returned without their
//! event.

use std::collections::HashMap;

use tahoe_core::{Timestamp, Value};

use super::list::list;
use crate::{RawInput, Yield, fields, time};

/// Returns the reason for refusing a submission without events.
pub(super) fn why_none(data: &Value) -> &'static str {
    const UUID_CHARS: usize = 36;
    let is_entry =
        |(key, about): (&String, &Value)| key.len() == UUID_CHARS && about.get("info").is_some();
    match data.as_object() {
        Some(map) if !map.is_empty() && map.iter().all(is_entry) => {
            "this is the manifest of a feed: post the events that it names"
        }
        _ => "Event is missing, and so is uuid or info of one that stands alone",
    }
}

/// A MISP event, or the parts of one that were found.
#[derive(Default)]
pub(super) struct FoundEvent<'a> {
    /// The event, or the description of it in its attributes and objects.
    pub(super) about: Option<&'a Value>,
    pub(super) attributes: Vec<&'a Value>,
    pub(super) objects: Vec<&'a Value>,
    /// Whether the event itself was found, rather than parts of it.
    is_event: bool,
}

/// Returns the reports in a submission, in order.
pub(super) fn reports<'a>(data: &'a Value, made: &mut Yield) -> Vec<FoundEvent<'a>> {
    let mut found = Found::default();
    for answer in list(Some(data)) {
        let (answered, alone) = match answer.get("response") {
            Some(response) => (Some(response), None),
            None => (None, Some(answer)),
        };
        for entry in list(answered).chain(alone) {
            if !found.entry(entry) {
                made.leave_out("not_an_event");
            }
        }
    }
    found.reports
}

#[derive(Default)]
struct Found<'a> {
    reports: Vec<FoundEvent<'a>>,
    /// Index in `reports` of each event of which only parts were found, by the event's uuid or id.
    parts: HashMap<String, usize>,
}

impl<'a> Found<'a> {
    /// Takes an element of a list of results; `false` if it is no part of MISP.
    fn entry(&mut self, entry: &'a Value) -> bool {
        let attributes = || list(entry.get("Attribute"));
        let objects = || list(entry.get("Object"));
        if let Some(event) = event_in(entry) {
            // some versions write these fields beside the event
            let beside = |field| list(entry.get(field).filter(|_| !std::ptr::eq(event, entry)));
            self.reports.push(FoundEvent {
                about: Some(event),
                attributes: list(event.get("Attribute"))
                    .chain(beside("Attribute"))
                    .collect(),
                objects: list(event.get("Object")).chain(beside("Object")).collect(),
                is_event: true,
            });
        } else if entry.get("type").is_some() && entry.get("value").is_some() {
            self.of(entry).attributes.push(entry);
        } else if entry.get("name").is_some() && entry.get("Attribute").is_some() {
            self.of(entry).objects.push(entry);
        } else {
            for attribute in attributes() {
                self.of(attribute).attributes.push(attribute);
            }
            for object in objects() {
                self.of(object).objects.push(object);
            }
            return attributes().chain(objects()).next().is_some();
        }
        true
    }

    /// Returns the report of the event to which an attribute or object belongs.
    fn of(&mut self, part: &'a Value) -> &mut FoundEvent<'a> {
        let event = part.get("Event").filter(|event| event.is_object());
        let id = |of: &Value, field| of.get(field).and_then(fields::text);
        let id = event
            .and_then(|event| id(event, "uuid").or_else(|| id(event, "id")))
            .or_else(|| id(part, "event_id"))
            .unwrap_or_default();
        let at = *self.parts.entry(id).or_insert_with(|| {
            self.reports.push(FoundEvent::default());
            self.reports.len() - 1
        });
        let report = &mut self.reports[at];
        report.about = report.about.or(event);
        report
    }
}

/// Returns the event in `{"Event": {…}}`, or the event itself.
fn event_in(entry: &Value) -> Option<&Value> {
    let has = |fields: &[&str]| fields.iter().any(|field| entry.get(*field).is_some());
    match entry.get("Event") {
        // in an attribute that a search found, `Event` only describes the event around it
        Some(_) if has(&["value", "template_uuid"]) => None,
        Some(event) => Some(event).filter(|event| event.is_object()),
        None if has(&["uuid"]) && has(&["info"]) => Some(entry),
        None => Some(entry).filter(|_| {
            has(&["Attribute", "Object"]) && has(&["info", "date", "Orgc", "threat_level_id"])
        }),
    }
}

impl FoundEvent<'_> {
    /// Returns the time of the last edit. For parts of an event, that is the latest of theirs. An event without one has
    /// the time of its date, or that of the raw.
    ///
    /// # Errors
    /// If the event's timestamp cannot be read.
    pub(super) fn time(&self, raw: &RawInput<'_>) -> Result<Timestamp, String> {
        let read = |of: &Value, field| match of.get(field) {
            Some(value) if !says_nothing(value) => Some(time::parse(value, raw.timezone)),
            _ => None,
        };
        let parts = self.attributes.iter().chain(&self.objects);
        let latest = parts
            .filter(|_| !self.is_event)
            .filter_map(|part| read(part, "timestamp")?.ok())
            .reduce(|a, b| if b > a { b } else { a });
        let about = self.about.unwrap_or(&Value::Null);
        match (latest, read(about, "timestamp")) {
            (Some(at), _) => Ok(at),
            (None, Some(at)) => at,
            (None, None) => Ok(day(about, raw).unwrap_or(raw.timestamp)),
        }
    }
}

/// Returns the beginning of the day in an event's `date`.
fn day(about: &Value, raw: &RawInput<'_>) -> Option<Timestamp> {
    let date = about.get("date").and_then(fields::text)?;
    let begins = [format!("{date}T00:00:00"), date];
    begins
        .into_iter()
        .find_map(|text| time::parse(&text.into(), raw.timezone).ok())
}

/// Whether a timestamp is unset; feeds of third parties write it as `0`.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => matches!(text.trim(), "" | "0"),
        Value::Number(number) => number.as_f64() == Some(0.0),
        _ => false,
    }
}
