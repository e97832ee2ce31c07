//! From a message to a record.

use std::cell::Cell;
use std::net::IpAddr;

use bytes::Bytes;
use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use syslog_loose::{ProcId, Protocol, StructuredElement, Variant};

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Post {
    /// A JSON object of what the message says.
    #[default]
    Fields,
    /// What the message says after all that syslog adds.
    Message,
}

/// How records are made.
#[derive(Debug, Clone)]
pub(super) struct Format {
    pub(super) post: Post,
    /// That of times which name none: those of RFC 3164.
    pub(super) zone: Tz,
}

#[derive(Debug, Serialize)]
struct Fields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    facility: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    procid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    msgid: Option<&'a str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    structured_data: Map<String, Value>,
    message: &'a str,
    peer: IpAddr,
}

impl Format {
    /// The record of a message that came `now`; `None` if there is nothing in it.
    pub(super) fn record(&self, message: &[u8], peer: IpAddr, now: DateTime<Utc>) -> Option<Bytes> {
        let text = String::from_utf8_lossy(message);
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
        if text.is_empty() {
            return None;
        }
        let fields = self.fields(text, peer, now);
        match self.post {
            Post::Message => {
                let message = fields.message.trim();
                (!message.is_empty()).then(|| Bytes::copy_from_slice(message.as_bytes()))
            }
            // text always becomes JSON
            Post::Fields => serde_json::to_vec(&fields).ok().map(Bytes::from),
        }
    }

    fn fields<'a>(&self, text: &'a str, peer: IpAddr, now: DateTime<Utc>) -> Fields<'a> {
        let asked = Cell::new(false);
        let here = now.with_timezone(&self.zone);
        let year = |(month, ..): (u32, u32, u32, u32, u32)| {
            asked.set(true);
            // what was sent in December may come in January, and clocks may be ahead
            match (month, here.month()) {
                (12, 1) => here.year() - 1,
                (1, 12) => here.year() + 1,
                _ => here.year(),
            }
        };
        let mark = mark();
        let parsed =
            syslog_loose::parse_message_with_year_tz(text, year, Some(mark), Variant::Either);
        let (mut facility, mut severity) = (parsed.facility, parsed.severity);
        let mut message = parsed.msg;
        if facility.is_none()
            && severity.is_none()
            && let Some((priority, rest)) = priority(text)
        {
            // it is not as it should be after that, and was given back whole
            (facility, severity) = syslog_loose::decompose_pri(priority);
            message = rest;
        }
        let (mut hostname, mut appname) = (parsed.hostname, parsed.appname);
        let mut structured_data = Map::new();
        if parsed.protocol == Protocol::RFC3164 {
            // it has neither structured data nor JSON for names: that is where the message begins
            let begin = |text: &&str| text.starts_with(['{', '[', '"']);
            if let Some(element) = parsed.structured_data.first() {
                message = tail(text, element.id, 1).unwrap_or(message);
            }
            if let Some(name) = appname.take_if(|name| begin(name)) {
                message = tail(text, name, 0).unwrap_or(message);
            }
            if let Some(name) = hostname.take_if(|name| begin(name)) {
                appname = None;
                message = tail(text, name, 0).unwrap_or(message);
            }
        } else {
            // RFC 5424, 6.4
            message = message.strip_prefix('\u{feff}').unwrap_or(message);
            structured_data = elements(&parsed.structured_data);
        }
        let timestamp = parsed.timestamp.map(|time| match time.offset() == &mark {
            false => time,
            // the library takes the local time for UTC where it names the year
            true if asked.get() => self.local(time.naive_local()),
            true => self.local(time.naive_utc()),
        });
        Fields {
            facility: facility.map(|facility| facility.as_str()),
            severity: severity.map(|severity| severity.as_str()),
            timestamp: timestamp.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            hostname,
            appname,
            procid: parsed.procid.as_ref().map(ProcId::to_string),
            msgid: parsed.msgid,
            structured_data,
            message,
            peer,
        }
    }

    fn local(&self, time: NaiveDateTime) -> DateTime<FixedOffset> {
        let local = self.zone.from_local_datetime(&time).earliest();
        // in the hour that is left out in spring, as clocks read that were not told of it
        let time = local.unwrap_or_else(|| self.zone.from_utc_datetime(&time));
        time.fixed_offset()
    }
}

/// An offset that no clock has: what the library gives it to had none.
fn mark() -> FixedOffset {
    FixedOffset::east_opt(1).unwrap_or(chrono::Offset::fix(&Utc))
}

/// `<PRI>` (RFC 5424, 6.2.1), and what follows it.
fn priority(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    let is_number = digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let priority = digits.parse().ok().filter(|priority| *priority < 192);
    Some((priority.filter(|_| is_number)?, rest.trim_start()))
}

/// `text` from `part`, which is a part of it, and `before` bytes before that.
fn tail<'a>(text: &'a str, part: &str, before: usize) -> Option<&'a str> {
    let at = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    text.get(at.checked_sub(before)?..)
}

/// `{id: {name: value}}`; a name that comes several times has a list of values, as RFC 5424, 6.3.3 allows it.
fn elements(elements: &[StructuredElement<&str>]) -> Map<String, Value> {
    let mut all = Map::new();
    for element in elements {
        let all = all.entry(element.id);
        let Value::Object(all) = all.or_insert_with(|| Value::Object(Map::new())) else {
            continue;
        };
        for (name, value) in element.params() {
            let value = Value::String(value);
            match all.get_mut(*name) {
                None => {
                    all.insert((*name).to_owned(), value);
                }
                Some(Value::Array(values)) => values.push(value),
                Some(one) => *one = Value::Array(vec![one.take(), value]),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(now: &str, zone: &str, message: &[u8]) -> Value {
        let zone = zone.parse().unwrap();
        let post = Post::Fields;
        let now = now.parse().unwrap();
        let peer = [192, 0, 2, 1].into();
        let record = Format { post, zone }.record(message, peer, now).unwrap();
        let mut record: Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(record["peer"].take(), "192.0.2.1");
        record.as_object_mut().unwrap().remove("peer");
        record
    }

    fn of(message: &str) -> Value {
        at("2026-11-21T10:00:00Z", "UTC", message.as_bytes())
    }

    #[test]
    fn rfc_5424() {
        let message = "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 ID47 \
            [a@1 x=\"1\" x=\"2\" y=\"\\\"]\"][b] \u{feff}%% It's time";
        let expected = json!({
            "facility": "local4", "severity": "notice", "timestamp": "2003-08-24T05:14:15.000003-07:00",
            "hostname": "192.0.2.1", "appname": "myproc", "procid": "8710", "msgid": "ID47",
            "structured_data": {"a@1": {"x": ["1", "2"], "y": "\"]"}, "b": {}}, "message": "%% It's time",
        });
        assert_eq!(of(message), expected);
        let expected = json!({"facility": "kern", "severity": "emerg", "message": "text"});
        assert_eq!(of("<0>1 - - - - - - text"), expected);
    }

    #[test]
    fn rfc_3164() {
        let expected = json!({
            "facility": "auth", "severity": "crit", "timestamp": "2026-10-11T22:14:15Z",
            "hostname": "mymachine", "appname": "su", "procid": "12", "message": "'su root' failed",
        });
        assert_eq!(
            of("<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed\n\0"),
            expected
        );
        let kernel = of("<4>Oct  1 22:14:15 host kernel: [12345.678] [drm] text");
        assert_eq!(kernel["message"], "[12345.678] [drm] text");
        assert_eq!(kernel.get("structured_data"), None);
    }

    #[test]
    fn times_of_rfc_3164_are_local_and_near() {
        let time = |now, zone, time| {
            let message = format!("<34>{time} host app: text");
            at(now, zone, message.as_bytes())["timestamp"].take()
        };
        let berlin = "Europe/Berlin";
        assert_eq!(
            time("2027-01-01T00:01:00Z", "UTC", "Dec 31 23:59:59"),
            "2026-12-31T23:59:59Z"
        );
        assert_eq!(
            time("2026-12-31T23:59:59Z", "UTC", "Jan  1 00:00:01"),
            "2027-01-01T00:00:01Z"
        );
        // it is next year there already
        assert_eq!(
            time("2026-12-31T23:30:00Z", berlin, "Jan  1 00:30:00"),
            "2027-01-01T00:30:00+01:00"
        );
        assert_eq!(
            time("2026-07-01T00:00:00Z", berlin, "Jul  1 2025 10:00:00"),
            "2025-07-01T10:00:00+02:00"
        );
        assert_eq!(
            time("2026-07-01T00:00:00Z", berlin, "2025-07-01T10:00:00+00:00"),
            "2025-07-01T10:00:00Z"
        );
        assert_eq!(
            time("2026-07-01T00:00:00Z", berlin, "Mar 29 02:30:00"),
            "2026-03-29T04:30:00+02:00"
        );
    }

    #[test]
    fn what_is_hardly_syslog() {
        assert_eq!(
            of("no syslog: at all"),
            json!({"message": "no syslog: at all"})
        );
        let expected = json!({"facility": "local7", "severity": "notice", "message": "29: *Mar  1 18:46:11: %SYS-5"});
        assert_eq!(of("<189>29: *Mar  1 18:46:11: %SYS-5"), expected);
        assert_eq!(of("<999>text"), json!({"message": "<999>text"}));
        for head in [
            "",
            "Nov 21 10:00:00 ",
            "Nov 21 10:00:00 host ",
            "Nov 21 10:00:00 host cowrie: ",
        ] {
            let record = of(&format!("<14>{head}{{\"eventid\": \"a b\", \"c\": [1]}}"));
            assert_eq!(
                record["message"], "{\"eventid\": \"a b\", \"c\": [1]}",
                "{record}"
            );
        }
        let latin = at("2026-11-21T10:00:00Z", "UTC", b"<14>caf\xe9");
        assert_eq!(latin["message"], "caf\u{fffd}");
    }

    #[test]
    fn the_message_alone() {
        let format = Format {
            post: Post::Message,
            zone: Tz::UTC,
        };
        let record =
            |message: &str| format.record(message.as_bytes(), [127, 0, 0, 1].into(), Utc::now());
        assert_eq!(
            record("<14>Nov 21 10:00:00 host cowrie: {}\n").unwrap(),
            "{}"
        );
        assert_eq!(record("<14>1 - - - - - -"), None);
        assert_eq!(record("\r\n"), None);
    }
}
