//! One record, whatever generation of Cowrie wrote it and whatever carried it here.
//!
//! Values of a type that no generation writes are hostile or broken, and left out. The exception: where
//! text is expected, a number or a boolean gives its JSON text, for log pipelines like to turn the password
//! `123456` into a number.

use std::borrow::Cow;

use tahoe_core::{Attribute, SubType, Timestamp, Value, json};

use crate::{Refusal, time, url};

/// Longer text is left out: its escaped form, doubled at each level of an event, would not fit in a document.
const TEXT_BYTES: usize = 512 * 1024;

/// Of one list. Real clients offer some dozens of algorithms; each becomes an instance.
const LIST_ITEMS: usize = 256;

/// Envelopes within envelopes: the archive's `data` around Filebeat's `message` is the deepest there is.
const ENVELOPES: usize = 3;

pub(super) struct Record<'a>(Cow<'a, Value>);

impl<'a> Record<'a> {
    /// Finds the record in a raw's data: itself, or JSON text under `message` (Filebeat) or `data`.
    pub(super) fn of(data: &'a Value) -> Result<Self, Refusal> {
        let mut value = Cow::Borrowed(data);
        for _ in 0..ENVELOPES {
            let (field, text) = match (
                value.get("eventid"),
                value.get("message"),
                value.get("data"),
            ) {
                (Some(_), ..) => break,
                (None, Some(Value::String(text)), _) => ("message", text),
                (None, _, Some(Value::String(text))) => ("data", text),
                _ => break,
            };
            let inner = json::parse(text).map_err(|error| {
                Refusal::new(format!(
                    "eventid is missing, and {field} holds no record: {error}"
                ))
            })?;
            value = Cow::Owned(inner);
        }
        if value.is_object() {
            Ok(Self(value))
        } else {
            Err(Refusal::new(
                "eventid is missing: the record is not a JSON object",
            ))
        }
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.0.get(field).is_some()
    }

    /// Text as it stands, be it empty: an empty password is a password.
    pub(super) fn verbatim(&self, field: &str) -> Option<String> {
        let text = match self.0.get(field)? {
            Value::String(text) if text.len() <= TEXT_BYTES => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            _ => return None,
        };
        Some(text)
    }

    /// Text that says something.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        self.verbatim(field).filter(|text| !text.trim().is_empty())
    }

    /// [`Self::text`] as an attribute.
    pub(super) fn attribute(&self, sub_type: SubType, field: &str) -> Option<Attribute> {
        Some(Attribute::new(sub_type, self.text(field)?))
    }

    /// An ipv4 or ipv6 attribute.
    pub(super) fn ip(&self, field: &str) -> Option<Attribute> {
        url::ip_attribute(self.0.get(field)?.as_str()?)
    }

    /// A whole number within `range`, as a number or as text.
    pub(super) fn int(&self, field: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = match self.0.get(field)? {
            Value::Number(number) => number.as_i64()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        range.contains(&value).then_some(value)
    }

    /// The non-empty texts of a list; `None` where there is no list.
    pub(super) fn list(&self, field: &str) -> Option<Vec<&str>> {
        let items = self.0.get(field)?.as_array()?;
        let texts = items.iter().filter_map(Value::as_str).map(str::trim);
        Some(
            texts
                .filter(|text| !text.is_empty())
                .take(LIST_ITEMS)
                .collect(),
        )
    }

    /// `message`, which some generations write as an empty list.
    pub(super) fn message(&self) -> &str {
        self.0
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(super) fn timestamp(&self, timezone: &str) -> Result<Timestamp, Refusal> {
        match self.0.get("timestamp") {
            None | Some(Value::Null) => Err(Refusal::new("timestamp is missing")),
            Some(value) => time::parse(value, timezone)
                .map_err(|reason| Refusal::new(format!("timestamp {reason}"))),
        }
    }

    /// How long a session lasted, in seconds: `duration_ms` since 3.0.4, before that `duration` as a float,
    /// for a while (2.7 to 3.0.3) as text.
    pub(super) fn duration(&self) -> Option<Timestamp> {
        let seconds = match self.number("duration_ms") {
            Some(milliseconds) => milliseconds / 1000.0,
            None => self.number("duration")?,
        };
        Timestamp::new(seconds).ok().filter(|_| seconds >= 0.0)
    }

    fn number(&self, field: &str) -> Option<f64> {
        match self.0.get(field)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Whether a Telnet client is at the other end: every record says so since 2.8.1, and those from before
    /// 2018-07 name the transport in `system`. Between the two only session.connect tells.
    pub(super) fn is_telnet(&self) -> bool {
        let has = |field, word| {
            self.0
                .get(field)
                .and_then(Value::as_str)
                .is_some_and(|text| text.to_ascii_lowercase().contains(word))
        };
        has("protocol", "telnet") || has("system", "telnettransport")
    }

    /// Whether terminal width and height are certain to be swapped, as they were until 2019-03.
    ///
    /// The record does not say which Cowrie wrote it. Those with `isError` or `system` come from before
    /// 2018-07, and those dated earlier than the correction cannot come from after it. A sensor that was not
    /// upgraded since, but after 2018-07, is taken at its word.
    pub(super) fn has_swapped_size(&self, at: Timestamp) -> bool {
        const CORRECTED_2019_03_01: f64 = 1_551_398_400.0;
        self.has("isError") || self.has("system") || at.get() < CORRECTED_2019_03_01
    }
}
