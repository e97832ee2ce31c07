//! The fields that are read of an event.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::plugin::misp_parts;
use cybexp_feed as feed;
use cybexp_spool::ItemKey;

/// An event as it was sent, `{"Event": {…}}`.
#[derive(Debug)]
pub(super) struct MispEvent {
    pub(super) text: Box<RawValue>,
    /// Its UUID, or where it lacks that or a timestamp, all of it.
    pub(super) key: ItemKey,
    /// Its UUID, where that names it.
    pub(super) uuid: Option<String>,
    /// Unix seconds, of the last edit.
    pub(super) timestamp: Option<i64>,
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(rename = "Event", borrow)]
    event: &'a RawValue,
}

#[derive(Deserialize)]
struct MispEventHead {
    #[serde(default)]
    uuid: Value,
    #[serde(default)]
    timestamp: Value,
}

impl MispEvent {
    /// # Errors
    /// Says what it is instead.
    pub(super) fn of(text: Box<RawValue>) -> Result<Self, String> {
        let head = feed::object(&text).and_then(|wrapped: Wrapped<'_>| feed::object(wrapped.event));
        let MispEventHead { uuid, timestamp } =
            head.map_err(|error| format!("{} is no event: {error}", feed::cleaned(text.get())))?;
        // numbers are strings in most versions
        let timestamp = match &timestamp {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_i64(),
        };
        let uuid = match (uuid.as_str(), timestamp) {
            (Some(uuid), Some(_)) if !uuid.is_empty() => Some(uuid.to_lowercase()),
            _ => None,
        };
        let key = uuid.as_deref().unwrap_or(text.get());
        Ok(Self {
            key: ItemKey::of(key),
            text,
            uuid,
            timestamp,
        })
    }

    /// Returns the event's records: the text as it was sent, or several of an event that is too large for one.
    ///
    /// # Errors
    /// Says why it cannot be divided.
    pub(super) fn records(&self) -> Result<Vec<Bytes>, String> {
        if self.text.get().len() <= misp_parts::ONE_BYTES {
            return Ok(vec![self.text.get().to_owned().into()]);
        }
        let wrapped: Wrapped<'_> = feed::object(&self.text)?;
        let records = misp_parts::records(wrapped.event.get());
        // with its key: pages of which nothing can be taken are told apart by what was left out
        records.map_err(|why| format!("an event {why} ({})", self.key))
    }
}
