//! Reads messages of RFC 3164, as devices really send them.

use std::cell::Cell;
use std::net::IpAddr;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::Map;
use syslog_loose::{ProcId, Variant};

use super::fields::SyslogFields;
use super::rfc5424;

/// Returns the fields of a message that came `now`. Times in it are of this zone.
pub(super) fn fields<'a>(
    text: &'a str,
    peer: IpAddr,
    now: DateTime<Utc>,
    zone: Tz,
) -> SyslogFields<'a> {
    let asked = Cell::new(false);
    let here = now.with_timezone(&zone);
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
    let parsed = syslog_loose::parse_message_with_year_tz(text, year, Some(mark), Variant::RFC3164);
    let (mut facility, mut severity) = (parsed.facility, parsed.severity);
    let mut message = parsed.msg;
    if facility.is_none()
        && severity.is_none()
        && let Some((priority, rest)) = rfc5424::priority(text)
    {
        // the text after the priority is not of the format, and the library returned all of it
        (facility, severity) = syslog_loose::decompose_pri(priority);
        message = rest.trim_start();
    }
    let (mut hostname, mut appname) = (parsed.hostname, parsed.appname);
    message = with_dash(text, message);
    // structured data or JSON in place of a name is where the message begins
    let begin = |text: &&str| text.starts_with(['{', '[', '"']) || matches!(*text, "CEF" | "LEEF");
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
        true if asked.get() => local(zone, time.naive_local()),
        true => local(zone, time.naive_utc()),
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

fn local(zone: Tz, time: NaiveDateTime) -> DateTime<FixedOffset> {
    let local = zone.from_local_datetime(&time).earliest();
    // a time in the hour that is left out in spring is that of a clock without summer time
    let time = local.unwrap_or_else(|| zone.from_utc_datetime(&time));
    time.fixed_offset()
}

/// Returns an offset that no clock has: the library gives it to times that have none.
fn mark() -> FixedOffset {
    FixedOffset::east_opt(1).unwrap_or(chrono::Offset::fix(&Utc))
}

/// Returns the message with the dash before it, which the library takes for structured data.
fn with_dash<'a>(text: &'a str, message: &'a str) -> &'a str {
    let before = place(text, message).and_then(|at| text.get(..at));
    match before.and_then(|before| before.trim_end_matches(' ').strip_suffix('-')) {
        Some(head) if head.ends_with([' ', ':']) => text.get(head.len()..).unwrap_or(message),
        _ => message,
    }
}

/// Tells if a colon follows this part of the text.
fn is_tag(text: &str, part: &str) -> bool {
    let rest = tail(text, part, 0).and_then(|rest| rest.get(part.len()..));
    part.ends_with(':') || rest.is_some_and(|rest| rest.trim_start_matches(' ').starts_with(':'))
}

/// Returns `text` from `before` bytes before `part` on; `part` is a slice of it.
fn tail<'a>(text: &'a str, part: &str, before: usize) -> Option<&'a str> {
    text.get(place(text, part)?.checked_sub(before)?..)
}

/// Returns the offset in a text at which this slice of it begins.
fn place(text: &str, part: &str) -> Option<usize> {
    (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)
}
