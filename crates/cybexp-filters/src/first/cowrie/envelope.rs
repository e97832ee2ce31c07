//! Finding Cowrie's records in the envelopes that log pipelines put around them.
//!
//! Filebeat, Logstash, Elasticsearch, Splunk, Fluentd, Graylog and syslog each put Cowrie's line, as text or as JSON,
//! into an object of their own, and some put many into one.

use std::borrow::Cow;

use tahoe_core::{Value, json};

use super::renamed;
use crate::Refusal;

/// The most envelopes around one record. The deepest known: the archive's `data`, Elasticsearch's `hits`, `hits`,
/// `_source`, Filebeat's `message`, with a list on the way.
const DEPTH: usize = 8;

/// The most records read of one submission; the others are left out.
const RECORDS: usize = 5000;

/// The reason under which lines are counted as left out.
pub(super) const LEFT_OUT: &str = "record that is broken, or beyond 5000 of a submission";

/// Fields that hold a record, as text or as an object, or a list of records. Cowrie has a field `message`, too, so
/// these are not searched in an object with an `eventid`.
const FIELDS: [&str; 26] = [
    "message",
    "honeypot",
    "json",
    "cowrie",
    "data",
    "_source",
    "hits",
    "log",
    "event",
    "original",
    "result",
    "results",
    "_raw",
    "short_message",
    "full_message",
    "payload",
    "body",
    "record",
    "records",
    "fields",
    "msg",
    "MESSAGE",
    "value",
    "values",
    "streams",
    "logEvents",
];

/// Fields of an envelope that hold the time of an event or of its collection, the most accurate first.
const TIMES: [&str; 5] = ["timestamp", "@timestamp", "_time", "time", "epoch"];

/// The longest text that is a time, in bytes. Each record of an envelope keeps a copy of it.
const TIME_BYTES: usize = 100;

/// A record, with the times in the envelopes around it, the innermost first.
pub(super) struct Enclosed<'a> {
    pub(super) record: Cow<'a, Value>,
    pub(super) times: Vec<Value>,
}

/// Returns all records in a raw's data, and the number of those beyond the limit.
pub(super) fn records(data: &Value) -> Result<(Vec<Enclosed<'_>>, u64), Refusal> {
    let mut search = EnvelopeSearch::default();
    search.value(Cow::Borrowed(data), &[], 0);
    if search.found.is_empty() {
        let reason = match (search.error, data.is_object() || data.is_array()) {
            (Some(error), _) => format!("eventid is missing, and {error}"),
            (None, true) => "eventid is missing".to_owned(),
            (None, false) => "eventid is missing: the record is not a JSON object".to_owned(),
        };
        return Err(Refusal::new(reason));
    }
    Ok((search.found, search.left_out))
}

#[derive(Default)]
struct EnvelopeSearch<'a> {
    found: Vec<Enclosed<'a>>,
    left_out: u64,
    /// The reason why the first text that looked like a record is not one.
    error: Option<String>,
}

impl<'a> EnvelopeSearch<'a> {
    fn value(&mut self, mut value: Cow<'a, Value>, times: &[Value], depth: usize) {
        if depth > DEPTH {
            return;
        }
        if value.is_array() {
            for item in items(value) {
                self.value(item, times, depth + 1);
            }
            return;
        }
        if value.get("eventid").is_some_and(Value::is_string) {
            self.add(value, times);
            return;
        }
        if let Some(text) = value.as_str() {
            if depth == 0 || text.trim_start().starts_with('{') {
                self.text("text", text, times, depth + 1);
            }
            return;
        }
        if let Some(record) = renamed::record(&value) {
            self.add(Cow::Owned(record), times);
            return;
        }
        let is_time = |value: &&Value| match value {
            Value::String(text) => text.len() <= TIME_BYTES,
            value => value.is_number(),
        };
        let own = TIMES.iter().filter_map(|field| value.get(field));
        let times: Vec<Value> = own.filter(is_time).chain(times).cloned().collect();
        let before = self.found.len();
        for field in FIELDS {
            let Some(inner) = take(&mut value, field) else {
                continue;
            };
            match inner.as_str() {
                Some(text) => self.text(field, text, &times, depth + 1),
                None => self.value(inner, &times, depth + 1),
            }
            if self.found.len() > before {
                return;
            }
        }
    }

    fn add(&mut self, record: Cow<'a, Value>, times: &[Value]) {
        if self.found.len() >= RECORDS {
            self.left_out += 1;
            return;
        }
        let times = times.to_vec();
        self.found.push(Enclosed { record, times });
    }

    /// Reads text: JSON, a syslog line with JSON at its end, or lines of these.
    fn text(&mut self, field: &str, text: &str, times: &[Value], depth: usize) {
        let before = self.found.len();
        if let Err(error) = self.json(text, times, depth) {
            let is_json = text.trim_start().starts_with('{');
            let error = format!("{field} holds no record: {error}");
            for line in text.lines().filter(|_| !is_json || text.contains('\n')) {
                let Some(start) = line.find('{') else {
                    continue;
                };
                if self.json(&line[start..], times, depth).is_err() && self.found.len() > before {
                    self.left_out += 1;
                }
            }
            if self.found.len() == before && self.error.is_none() {
                self.error = Some(error);
            }
        }
    }

    fn json(&mut self, text: &str, times: &[Value], depth: usize) -> Result<(), String> {
        let value = json::parse(text).map_err(|error| error.to_string())?;
        self.value(Cow::Owned(value), times, depth);
        Ok(())
    }
}

fn take<'a>(value: &mut Cow<'a, Value>, field: &str) -> Option<Cow<'a, Value>> {
    match value {
        Cow::Borrowed(value) => value.get(field).map(Cow::Borrowed),
        Cow::Owned(value) => value.get_mut(field).map(Value::take).map(Cow::Owned),
    }
}

fn items(value: Cow<'_, Value>) -> Vec<Cow<'_, Value>> {
    match value {
        Cow::Borrowed(Value::Array(items)) => items.iter().map(Cow::Borrowed).collect(),
        Cow::Owned(Value::Array(items)) => items.into_iter().map(Cow::Owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_envelope_gives_its_records_no_long_text_as_a_time() {
        let long = "x".repeat(TIME_BYTES + 1);
        let record = json!({"eventid": "cowrie.session.connect"});
        let data =
            json!({"timestamp": long, "@timestamp": "2020-04-28", "records": [record, record]});
        let (found, left_out) = records(&data).unwrap();
        assert_eq!((found.len(), left_out), (2, 0));
        for enclosed in found {
            assert_eq!(enclosed.times, [json!("2020-04-28")]);
        }
    }
}
