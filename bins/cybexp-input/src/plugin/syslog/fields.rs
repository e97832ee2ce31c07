//! The fields of a message.

use std::net::IpAddr;

use chrono::{DateTime, FixedOffset, SecondsFormat};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::rfc5424::{self, SyslogHeader};

/// The fields of a message, as a record has them.
#[derive(Debug, Serialize)]
pub(super) struct SyslogFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) facility: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) severity: Option<&'static str>,
    #[serde(
        rename = "timestamp",
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc_3339"
    )]
    pub(super) time: Option<DateTime<FixedOffset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hostname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) appname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) procid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) msgid: Option<&'a str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) structured_data: Map<String, Value>,
    pub(super) message: &'a str,
    pub(super) peer: IpAddr,
}

impl<'a> SyslogFields<'a> {
    /// Returns the fields of a message with a header of RFC 5424.
    pub(super) fn of_rfc_5424(header: &SyslogHeader<'a>, peer: IpAddr) -> Self {
        let (facility, severity) = syslog_loose::decompose_pri(header.priority);
        let (structured_data, message) = rfc5424::structured_data(header.rest);
        Self {
            facility: facility.map(|facility| facility.as_str()),
            severity: severity.map(|severity| severity.as_str()),
            time: header.timestamp,
            hostname: header.hostname,
            appname: header.appname,
            procid: header.procid.map(str::to_owned),
            msgid: header.msgid,
            structured_data,
            // RFC 5424, 6.4
            message: message.strip_prefix('\u{feff}').unwrap_or(message),
            peer,
        }
    }
}

/// RFC 3339, with as many digits as there are.
fn rfc_3339<S: Serializer>(
    time: &Option<DateTime<FixedOffset>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    text.serialize(serializer)
}
