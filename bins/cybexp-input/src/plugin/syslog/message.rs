//! From a message to a record.

use std::borrow::Cow;
use std::net::IpAddr;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use super::fields::SyslogFields;
use super::fraction::{self, ShortenedTime};
use super::{rfc3164, rfc5424};

/// The part of a message that becomes the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Post {
    /// A JSON object of what the message says.
    #[default]
    Fields,
    /// The message itself, without the header that syslog adds.
    Message,
}

/// How records are made.
#[derive(Debug, Clone)]
pub(super) struct MessageFormat {
    pub(super) post: Post,
    /// That of times which name none: those of RFC 3164.
    pub(super) zone: Tz,
}

impl MessageFormat {
    /// The record of a message that came `now`; `None` if there is nothing in it.
    pub(super) fn record(&self, message: &[u8], peer: IpAddr, now: DateTime<Utc>) -> Option<Bytes> {
        let text = decoded(message);
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
        if text.is_empty() {
            return None;
        }
        if let Some(header) = rfc5424::header(text) {
            return self.made(&SyslogFields::of_rfc_5424(&header, peer), Some(header.rest));
        }
        if let Some(ShortenedTime { text, nanos, utc }) = fraction::take(text) {
            let zone = if utc { Tz::UTC } else { self.zone };
            let mut fields = rfc3164::fields(&text, peer, now, zone);
            if let Some(time) = &mut fields.time {
                *time += TimeDelta::nanoseconds(nanos);
                return self.made(&fields, None);
            }
        }
        self.made(&rfc3164::fields(text, peer, now, self.zone), None)
    }

    /// The record of these fields; `data` is all that came after the header, structured data among it.
    fn made(&self, fields: &SyslogFields<'_>, data: Option<&str>) -> Option<Bytes> {
        match self.post {
            Post::Message => {
                let mut message = fields.message.trim();
                if message.is_empty() && !fields.structured_data.is_empty() {
                    // it is all that the sender has to say
                    message = data.unwrap_or_default().trim();
                }
                (!message.is_empty()).then(|| Bytes::copy_from_slice(message.as_bytes()))
            }
            // text always becomes JSON
            Post::Fields => serde_json::to_vec(fields).ok().map(Bytes::from),
        }
    }
}

/// The text of a message. What is not UTF-8 is taken for Latin-1, byte by byte, so that it can be told what was sent.
fn decoded(message: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(message) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(message.len() + message.len() / 2);
    for chunk in message.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().copied().map(char::from));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests;
