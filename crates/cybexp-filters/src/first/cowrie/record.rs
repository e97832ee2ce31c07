//! One record, of any generation of Cowrie and from any log pipeline.
//!
//! A value of a type that no generation writes is hostile or broken, and is left out. There is one exception: where
//! text is expected, a number or a boolean gives its JSON text, because log pipelines turn the password `123456` into a
//! number.

use tahoe_core::{Attribute, SubType, Timestamp, Value};

use super::envelope::Enclosed;
use super::repr;
use crate::{Refusal, time, url};

/// The longest text, in bytes. A longer one is left out: each level of an event doubles its escaped form, which would
/// then not fit in a document.
const TEXT_BYTES: usize = 512 * 1024;

/// The most elements read of one list. Real clients offer some dozens of algorithms, and each becomes an instance.
const LIST_ITEMS: usize = 256;

/// Fields that hold the time, the most accurate first: Cowrie's own, then those of Twisted, of its epoch option, of a
/// pipeline.
const TIMES: [&str; 4] = ["timestamp", "time", "epoch", "@timestamp"];

/// The protocol that the attacker speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Ssh,
    Telnet,
}

impl Transport {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Telnet => "telnet",
        }
    }
}

/// An address, perhaps in brackets or with a port, or a list that begins with one.
fn ip(value: &Value) -> Option<Attribute> {
    let value = match value {
        Value::Array(items) => items.first()?,
        value => value,
    };
    let text = value.as_str()?.trim();
    let with_port = || {
        let address: std::net::SocketAddr = text.parse().ok()?;
        url::ip_attribute(&address.ip().to_string())
    };
    let bracketed = || url::ip_attribute(text.strip_prefix('[')?.strip_suffix(']')?);
    url::ip_attribute(text)
        .or_else(with_port)
        .or_else(bracketed)
}

pub(super) struct CowrieRecord<'a>(&'a Enclosed<'a>);

impl<'a> CowrieRecord<'a> {
    pub(super) fn new(enclosed: &'a Enclosed<'a>) -> Self {
        Self(enclosed)
    }

    fn get(&self, field: &str) -> Option<&'a Value> {
        self.0.record.get(field)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.get(field).is_some()
    }

    /// Returns the text of a field unchanged. It may be empty: an empty password is a password.
    pub(super) fn verbatim(&self, field: &str) -> Option<String> {
        let text = match self.get(field)? {
            Value::String(text) if text.len() <= TEXT_BYTES => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            _ => return None,
        };
        Some(text)
    }

    /// Returns the text of a field, if it is not empty.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        self.verbatim(field).filter(|text| !text.trim().is_empty())
    }

    /// Returns [`Self::text`] as an attribute.
    pub(super) fn attribute(&self, sub_type: SubType, field: &str) -> Option<Attribute> {
        Some(Attribute::new(sub_type, self.text(field)?))
    }

    /// Returns the address in a field as an ipv4 or ipv6 attribute.
    pub(super) fn ip(&self, field: &str) -> Option<Attribute> {
        ip(self.get(field)?)
    }

    /// The attacker's address: Cowrie's field, else Kippo's, else that of a pipeline's common schema.
    pub(super) fn attacker(&self) -> Option<Attribute> {
        let of_schema = || {
            let source = self.get("source").or_else(|| self.get("src"))?;
            ip(source.get("ip").or_else(|| source.get("address"))?)
        };
        ["src_ip", "peerIP", "source.ip", "source_ip"]
            .into_iter()
            .find_map(|field| self.ip(field))
            .or_else(of_schema)
    }

    /// Returns a whole number within `range`, written as a number or as text.
    pub(super) fn int(&self, field: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = match self.get(field)? {
            Value::Number(number) => number.as_i64()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        range.contains(&value).then_some(value)
    }

    /// Returns the non-empty texts of a list; `None` where there is no list. Some pipelines write byte strings of
    /// Cowrie as Python prints them.
    pub(super) fn list(&self, field: &str) -> Option<Vec<&'a str>> {
        let items = self.get(field)?.as_array()?;
        let texts = items.iter().filter_map(Value::as_str).map(repr::unquoted);
        Some(
            texts
                .filter(|text| !text.is_empty())
                .take(LIST_ITEMS)
                .collect(),
        )
    }

    /// Returns `message`, or empty text where some generations write an empty list.
    pub(super) fn message(&self) -> &str {
        let message = self.get("message").and_then(Value::as_str);
        message.unwrap_or_default()
    }

    /// Returns the time of the record, else the time that the pipeline around it gives.
    pub(super) fn timestamp(&self, timezone: &str) -> Result<Timestamp, Refusal> {
        let own = TIMES.iter().filter_map(|field| self.get(field));
        let mut error = None;
        for value in own.chain(&self.0.times).filter(|value| !value.is_null()) {
            match time::parse(value, timezone) {
                Ok(timestamp) => return Ok(timestamp),
                Err(reason) => {
                    error.get_or_insert(reason);
                }
            }
        }
        Err(Refusal::new(match error {
            Some(reason) => format!("timestamp {reason}"),
            None => "timestamp is missing".to_owned(),
        }))
    }

    /// Returns the length of a session in seconds: `duration_ms` since 3.0.4, before that `duration` as a float, from
    /// 2.7 to 3.0.3 as text.
    pub(super) fn duration(&self) -> Option<Timestamp> {
        let seconds = match self.number("duration_ms") {
            Some(milliseconds) => milliseconds / 1000.0,
            None => self.number("duration")?,
        };
        Timestamp::new(seconds).ok().filter(|_| seconds >= 0.0)
    }

    fn number(&self, field: &str) -> Option<f64> {
        match self.get(field)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Returns SSH or Telnet, where the record names it. Every record does since 2.8.1, and those from before 2018-07
    /// name the transport in `system`. Between the two only session.connect and log-ins with a key do.
    pub(super) fn transport(&self) -> Option<Transport> {
        let has = |field, word| {
            let text = self.get(field).and_then(Value::as_str);
            text.is_some_and(|text| text.to_ascii_lowercase().contains(word))
        };
        if has("protocol", "telnet") || has("system", "telnettransport") {
            return Some(Transport::Telnet);
        }
        let is_ssh = has("protocol", "ssh")
            || has("system", "honeypotsshtransport")
            || has("system", "honeypottransport")
            || has("system", "sshservice")
            || self.has("fingerprint");
        is_ssh.then_some(Transport::Ssh)
    }

    /// Whether terminal width and height are certain to be swapped, as Cowrie wrote them until 2019-03.
    ///
    /// The record does not name the version of Cowrie. Records with `isError` or `system` come from before 2018-07, and
    /// those dated before the correction cannot come from after it. For a sensor that was last upgraded between 2018-07
    /// and the correction, the swap is not noticed.
    pub(super) fn has_swapped_size(&self, at: Timestamp) -> bool {
        const CORRECTED_2019_03_01: f64 = 1_551_398_400.0;
        self.has("isError") || self.has("system") || at.get() < CORRECTED_2019_03_01
    }
}
