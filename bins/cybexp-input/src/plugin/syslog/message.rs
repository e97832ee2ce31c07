//! From a message to a record.

use std::borrow::Cow;
use std::cell::Cell;
use std::net::IpAddr;

use bytes::Bytes;
use chrono::{
    DateTime, Datelike, FixedOffset, NaiveDateTime, SecondsFormat, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use syslog_loose::{ProcId, Variant};

use super::fraction::{self, ShortenedTime};
use super::rfc5424::{self, SyslogHeader};

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

#[derive(Debug, Serialize)]
struct SyslogFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    facility: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    #[serde(
        rename = "timestamp",
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc_3339"
    )]
    time: Option<DateTime<FixedOffset>>,
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

impl MessageFormat {
    /// The record of a message that came `now`; `None` if there is nothing in it.
    pub(super) fn record(&self, message: &[u8], peer: IpAddr, now: DateTime<Utc>) -> Option<Bytes> {
        let text = decoded(message);
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
        if text.is_empty() {
            return None;
        }
        if let Some(header) = rfc5424::header(text) {
            return self.made(&of_rfc_5424(&header, peer), Some(header.rest));
        }
        if let Some(ShortenedTime { text, nanos, utc }) = fraction::take(text) {
            let zone = if utc { Tz::UTC } else { self.zone };
            let format = Self { zone, ..*self };
            let mut fields = format.of_rfc_3164(&text, peer, now);
            if let Some(time) = &mut fields.time {
                *time += TimeDelta::nanoseconds(nanos);
                return self.made(&fields, None);
            }
        }
        self.made(&self.of_rfc_3164(text, peer, now), None)
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

    fn of_rfc_3164<'a>(&self, text: &'a str, peer: IpAddr, now: DateTime<Utc>) -> SyslogFields<'a> {
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
            syslog_loose::parse_message_with_year_tz(text, year, Some(mark), Variant::RFC3164);
        let (mut facility, mut severity) = (parsed.facility, parsed.severity);
        let mut message = parsed.msg;
        if facility.is_none()
            && severity.is_none()
            && let Some((priority, rest)) = rfc5424::priority(text)
        {
            // it is not as it should be after that, and was given back whole
            (facility, severity) = syslog_loose::decompose_pri(priority);
            message = rest.trim_start();
        }
        let (mut hostname, mut appname) = (parsed.hostname, parsed.appname);
        message = with_dash(text, message);
        // it has neither structured data nor JSON for names: that is where the message begins
        let begin =
            |text: &&str| text.starts_with(['{', '[', '"']) || matches!(*text, "CEF" | "LEEF");
        if let Some(element) = parsed.structured_data.first() {
            message = tail(text, element.id, 1).unwrap_or(message);
        }
        // a word is a program's name only with a colon or a number of a process behind it
        let word = |name: &&str| begin(name) || parsed.procid.is_none() && !is_tag(text, name);
        if let Some(name) = appname.take_if(|name| word(name)) {
            message = tail(text, name, 0).unwrap_or(message);
        }
        let no_host = |name: &&str| begin(name) || name.contains(['=', '|', ',', ';', '<', '>']);
        let mut procid = parsed.procid.as_ref().map(ProcId::to_string);
        if let Some(name) = hostname.take_if(|name| no_host(name)) {
            (appname, procid) = (None, None);
            message = tail(text, name, 0).unwrap_or(message);
        }
        if appname.is_none() && parsed.procid.is_none() && !message.starts_with('%') {
            // a program of this host, which does not name itself; routers name themselves and no program
            appname = hostname.take_if(|name| is_tag(text, name));
        }
        let time = parsed.timestamp.map(|time| match time.offset() == &mark {
            false => time,
            // the library takes the local time for UTC where it names the year
            true if asked.get() => self.local(time.naive_local()),
            true => self.local(time.naive_utc()),
        });
        SyslogFields {
            facility: facility.map(|facility| facility.as_str()),
            severity: severity.map(|severity| severity.as_str()),
            time,
            hostname,
            appname,
            procid,
            msgid: None,
            structured_data: Map::new(),
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

fn of_rfc_5424<'a>(header: &SyslogHeader<'a>, peer: IpAddr) -> SyslogFields<'a> {
    let (facility, severity) = syslog_loose::decompose_pri(header.priority);
    let (structured_data, message) = rfc5424::structured_data(header.rest);
    SyslogFields {
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

/// RFC 3339, with as many digits as there are.
fn rfc_3339<S: Serializer>(
    time: &Option<DateTime<FixedOffset>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    text.serialize(serializer)
}

/// The message with a dash before it, which the library takes for structured data.
fn with_dash<'a>(text: &'a str, message: &'a str) -> &'a str {
    let before = place(text, message).and_then(|at| text.get(..at));
    match before.and_then(|before| before.trim_end_matches(' ').strip_suffix('-')) {
        Some(head) if head.ends_with([' ', ':']) => text.get(head.len()..).unwrap_or(message),
        _ => message,
    }
}

/// Whether a colon follows this part of the text.
fn is_tag(text: &str, part: &str) -> bool {
    let rest = tail(text, part, 0).and_then(|rest| rest.get(part.len()..));
    part.ends_with(':') || rest.is_some_and(|rest| rest.trim_start_matches(' ').starts_with(':'))
}

/// `text` from `part`, which is a part of it, and `before` bytes before that.
fn tail<'a>(text: &'a str, part: &str, before: usize) -> Option<&'a str> {
    text.get(place(text, part)?.checked_sub(before)?..)
}

/// The offset in a text at which this part of it begins.
fn place(text: &str, part: &str) -> Option<usize> {
    (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)
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
        let record = MessageFormat { post, zone }
            .record(message, peer, now)
            .unwrap();
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
        assert_eq!(latin["message"], "café");
        let mixed = at(
            "2026-11-21T10:00:00Z",
            "UTC",
            b"<14>\xc3\xa9 \xff\x80 \xe2\x82",
        );
        assert_eq!(mixed["message"], "é \u{ff}\u{80} \u{e2}\u{82}");
    }

    #[test]
    fn structured_data_that_cannot_be_read_is_in_the_message() {
        let data = r#"[action:"Accept"; src:"203.0.113.9"; dst:"198.51.100.7"; product:"Gate-1 & More"; ]"#;
        let expected = json!({
            "facility": "local0", "severity": "info", "timestamp": "2026-03-01T10:00:00Z", "hostname": "gate",
            "appname": "Firewall", "procid": "1234", "message": data,
        });
        let message = format!("<134>1 2026-03-01T10:00:00Z gate Firewall 1234 - {data}");
        assert_eq!(of(&message), expected);
        // and so with those that have none at all
        let record = of("<134>1 2026-03-01T10:00:00Z gate app 1 ID text [of] it");
        assert_eq!(record["message"], "text [of] it");
        assert_eq!(record["msgid"], "ID");
    }

    #[test]
    fn fractions_of_a_second() {
        let expected = json!({
            "facility": "user", "severity": "info", "timestamp": "2026-10-11T22:14:15.123Z",
            "hostname": "host", "appname": "app", "message": "text",
        });
        assert_eq!(of("<14>Oct 11 22:14:15.123 host app: text"), expected);
        assert_eq!(of("<14>Oct 11 2026 22:14:15.123 host app: text"), expected);
        assert_eq!(of("<14>Oct 11 22:14:15,123000 host app: text"), expected);
        let zoned = at(
            "2026-11-21T10:00:00Z",
            "Asia/Tokyo",
            b"<14>Oct 11 22:14:15.123 UTC host app: text",
        );
        assert_eq!(zoned, expected);
        // of no day: as it was sent
        let record = of("<14>Oct 41 22:14:15.123 host app: text");
        assert_eq!(record["message"], "Oct 41 22:14:15.123 host app: text");
    }

    #[test]
    fn the_first_word_of_a_message_is_no_program() {
        for (text, appname, message) in [
            (
                "host last message repeated 2 times",
                None,
                "last message repeated 2 times",
            ),
            (
                "gate 1,2026/03/01 10:00:00,0123,TRAFFIC",
                None,
                "1,2026/03/01 10:00:00,0123,TRAFFIC",
            ),
            (
                "gate CEF:0|Maker|Box|1|2|name|5|src=203.0.113.9",
                None,
                "CEF:0|Maker|Box|1|2|name|5|src=203.0.113.9",
            ),
            (
                "CEF:0|Maker|Box|1|2|name|5|src=203.0.113.9",
                None,
                "CEF:0|Maker|Box|1|2|name|5|src=203.0.113.9",
            ),
            (
                "date=2026-03-01 devname=\"gate\" srcip=203.0.113.9",
                None,
                "date=2026-03-01 devname=\"gate\" srcip=203.0.113.9",
            ),
            (
                "LEEF:2.0|Maker|Box|1|id|src=203.0.113.9",
                None,
                "LEEF:2.0|Maker|Box|1|id|src=203.0.113.9",
            ),
            ("gate info tmm[12]: text", None, "info tmm[12]: text"),
            // without a host
            ("su: 'su root'", Some("su"), "'su root'"),
            ("filterlog[12]: 5,,,1000", Some("filterlog"), "5,,,1000"),
            (
                "router: %SYS-5-CONFIG_I: text",
                None,
                "%SYS-5-CONFIG_I: text",
            ),
            // what looks like structured data, and is none here
            ("host app: - 5", Some("app"), "- 5"),
            ("host app: -5.5 degrees", Some("app"), "-5.5 degrees"),
            ("host app: ---- begin", Some("app"), "---- begin"),
            (
                "host snort[1]: [1:2003:8] x [a b=\"c\"] y",
                Some("snort"),
                "[1:2003:8] x [a b=\"c\"] y",
            ),
            (
                "host app: [a b=\"c\"][d e=\"f\"] text",
                Some("app"),
                "[a b=\"c\"][d e=\"f\"] text",
            ),
            ("asa : %ASA-6-302013: Built", None, "%ASA-6-302013: Built"),
            ("host su[12]: 'su root'", Some("su"), "'su root'"),
            ("host app : text", Some("app"), "text"),
        ] {
            let record = of(&format!("<14>Nov 21 10:00:00 {text}"));
            assert_eq!(
                record.get("appname").and_then(Value::as_str),
                appname,
                "{record}"
            );
            assert_eq!(record["message"], message, "{record}");
        }
    }

    #[test]
    fn what_is_strange_does_no_harm() {
        let heads = [
            "",
            "<14>",
            "<14>Nov 21 10:00:00 ",
            "<14>Nov 21 10:00:00.5 ",
            "<14>1 - - - - - ",
        ];
        let bodies = [
            "-",
            "- ",
            ": -",
            "h a: -\u{3000}",
            "h -\u{a0}",
            "\u{3000}",
            "é: -é\u{85}",
            "h é-",
            "[",
            "[a",
            "[a b=\"",
            "h CEF",
            "h a[",
            "h a[]: -",
            "h a[1",
            "=",
            "<",
            "<1",
            "h <",
            ":",
            "::",
            "h: :",
            "\u{feff}",
        ];
        for head in heads {
            for body in bodies {
                of(&format!("x{head}{body}"));
                of(&format!("{head}{body}x"));
                at(
                    "2026-11-21T10:00:00Z",
                    "America/New_York",
                    format!("{head}{body}\u{3000}").as_bytes(),
                );
            }
        }
        for year in ["262142", "262143", "0", "99999999999"] {
            for zone in ["America/New_York", "Asia/Tokyo"] {
                at(
                    "2026-11-21T10:00:00Z",
                    zone,
                    format!("<14>Dec 31 {year} 23:59:59 h a: t").as_bytes(),
                );
            }
        }
        assert_eq!(
            of("<14>Nov 21 10:00:00 h a: -\u{3000}")["message"],
            "-\u{3000}"
        );
    }

    #[test]
    fn the_message_alone() {
        let format = MessageFormat {
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
        // a message that is all structured data is not lost
        assert_eq!(
            record("<14>1 - - - - - [a src=\"203.0.113.9\"]").unwrap(),
            "[a src=\"203.0.113.9\"]"
        );
        assert_eq!(record("<14>1 - - - - - [a b=\"c\"] text").unwrap(), "text");
        assert_eq!(
            record("<14>Nov 21 10:00:00 host two words").unwrap(),
            "two words"
        );
        assert_eq!(record("\r\n"), None);
    }
}
