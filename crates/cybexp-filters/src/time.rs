//! Times as sensors write them.

use std::borrow::Cow;

use chrono_tz::Tz;
use tahoe_core::time::{parse_iso8601, parse_tzname};
use tahoe_core::{Timestamp, Value};

use crate::excerpt;

/// Accepted times in Unix seconds: the years 1 to 9999, which the date library of every reader can show.
const RANGE_S: std::ops::Range<f64> = -62_135_596_800.0..253_402_300_800.0;

/// Reads Unix seconds: from ISO 8601 text, or from seconds, milli-, micro- or nanoseconds since the epoch as a number
/// or text.
///
/// The date may be written with slashes or without leading zeros. A time without an offset is in `timezone` (an IANA
/// name).
///
/// # Errors
/// If the value is no time. The message is to stand behind the field's name.
pub(crate) fn parse(value: &Value, timezone: &str) -> Result<Timestamp, String> {
    let seconds = match value {
        Value::Number(number) => number.as_f64().map(in_seconds),
        Value::String(text) => from_text(text.trim(), timezone)?,
        // MongoDB's exports: `{"$date": "…"}`, `{"$date": {"$numberLong": "…"}}`.
        Value::Object(fields) if fields.len() == 1 => match fields.iter().next() {
            Some((name, inner)) if name == "$date" || name == "$numberLong" => {
                return parse(inner, timezone);
            }
            _ => return Err("is neither text nor a number".to_owned()),
        },
        _ => return Err("is neither text nor a number".to_owned()),
    };
    let shown = || match value {
        Value::String(text) => excerpt(text),
        _ => excerpt(&value.to_string()),
    };
    let seconds =
        seconds.ok_or_else(|| format!("{} is neither ISO 8601 nor epoch seconds", shown()))?;
    match Timestamp::new(seconds) {
        Ok(timestamp) if RANGE_S.contains(&seconds) => Ok(timestamp),
        _ => Err(format!("{} is outside the years 1 to 9999", shown())),
    }
}

/// Reads a text; `Ok(None)` if it is no time, an error if the time zone is unknown.
fn from_text(text: &str, timezone: &str) -> Result<Option<f64>, String> {
    if let Some(seconds) = epoch_seconds(text) {
        return Ok(Some(seconds));
    }
    let (in_utc, text) = match parse_iso8601(text, Tz::UTC) {
        None => {
            let padded = padded(text);
            (parse_iso8601(&padded, Tz::UTC), Cow::Owned(padded))
        }
        in_utc => (in_utc, Cow::Borrowed(text)),
    };
    if in_utc.is_none() || has_offset(&text) {
        return Ok(in_utc);
    }
    let zone = parse_tzname(timezone).map_err(|_| {
        let timezone = excerpt(timezone);
        format!("has no offset, and the timezone {timezone} is unknown")
    })?;
    Ok(parse_iso8601(&text, zone))
}

fn epoch_seconds(text: &str) -> Option<f64> {
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+');
    let number: f64 = text.parse().ok().filter(|_| text.bytes().all(plain))?;
    Some(in_seconds(number))
}

/// Converts a number since the epoch to seconds, choosing the unit by its size. Read as seconds, the larger numbers
/// would be in the year 5138 and later; read as milliseconds, they begin in 1973.
fn in_seconds(number: f64) -> f64 {
    match number {
        1e11..1e14 => number / 1e3,
        1e14..1e17 => number / 1e6,
        1e17..1e20 => (number / 1e3).round() / 1e6,
        _ => number,
    }
}

/// Pads a time: `2016/2/3 4:05:06 UTC` becomes `2016-02-03 04:05:06Z`. A text longer than any time is cut, and is no
/// time.
fn padded(text: &str) -> String {
    const LONGEST: usize = 64;
    let text = &text[..text.floor_char_boundary(LONGEST)];
    let (text, zone) = match text.strip_suffix(" UTC").or(text.strip_suffix(" GMT")) {
        Some(text) => (text, "Z"),
        None => (text, ""),
    };
    let mut padded = String::with_capacity(LONGEST);
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let is_first = c.is_ascii_digit() && !before.is_ascii_digit();
        let is_alone = is_first && !chars.peek().is_some_and(char::is_ascii_digit);
        if is_alone && !matches!(before, '.' | ',') {
            padded.push('0');
        }
        padded.push(if c == '/' { '-' } else { c });
        before = c;
    }
    padded + zone
}

/// Whether a text that [`parse_iso8601`] reads has an offset: a sign after the date begins one.
fn has_offset(text: &str) -> bool {
    let time = text.get("YYYY-MM-DD".len()..).unwrap_or_default();
    time.contains(['Z', 'z', '+', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(text: &str, zone: &str) -> Option<f64> {
        parse(&Value::from(text), zone).ok().map(|t| t.get())
    }

    #[test]
    fn reads_every_generation() {
        for (text, zone, expected) in [
            ("2020-04-28T00:00:05.834291Z", "UTC", 1_588_032_005.834_291),
            (
                "2020-04-28T02:00:05.834291+0200",
                "UTC",
                1_588_032_005.834_291,
            ),
            (
                "2020-04-28T02:00:05.834291+02:00",
                "UTC",
                1_588_032_005.834_291,
            ),
            (
                "2020-04-27T16:00:05.834-08:00",
                "Asia/Tokyo",
                1_588_032_005.834,
            ),
            (
                "2020-04-28 00:00:05.834291999",
                "UTC",
                1_588_032_005.834_291,
            ),
            (
                "2020-04-28T00:00:05",
                "America/Los_Angeles",
                1_588_057_205.0,
            ),
            // once as summer time, once as standard time: read as standard time
            (
                "2020-11-01T01:30:00",
                "America/Los_Angeles",
                1_604_223_000.0,
            ),
            // skipped in local time: read with the standard offset
            (
                "2020-03-08T02:30:00",
                "America/Los_Angeles",
                1_583_663_400.0,
            ),
            ("1588032005.25", "UTC", 1_588_032_005.25),
            ("-1", "UTC", -1.0),
            ("1588032005250", "UTC", 1_588_032_005.25),
            ("1588032005250000", "UTC", 1_588_032_005.25),
            ("1588032005250000000", "UTC", 1_588_032_005.25),
            ("2016-2-3T04:05:06.000001Z", "UTC", 1_454_472_306.000_001),
            ("2016/2/3 4:5:6.5", "Asia/Tokyo", 1_454_439_906.5),
            ("2016-02-03 04:05:06 UTC", "Asia/Tokyo", 1_454_472_306.0),
            ("2016-2-3T4:05:06+0100", "Asia/Tokyo", 1_454_468_706.0),
        ] {
            assert_eq!(seconds(text, zone), Some(expected), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "nan",
            "inf",
            "1e9",
            "2020-13-01T00:00:00Z",
            "999999999999999999999",
            "2016-2-3",
            "16-2-3T04:05:06Z",
        ] {
            assert_eq!(seconds(text, "UTC"), None, "{text}");
        }
    }

    #[test]
    fn a_zone_is_needed_only_without_an_offset() {
        for text in ["2020-04-28T00:00:05Z", "2020-04-28T00:00:05-08"] {
            assert!(seconds(text, "Mars/Olympus").is_some(), "{text}");
        }
        let error = parse(&Value::from("2020-04-28T00:00:05"), "Mars/Olympus").unwrap_err();
        assert!(error.contains("Mars/Olympus"), "{error}");
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*", date in "[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-9:.+-]{0,16}") {
            for zone in ["UTC", "Europe/Dublin", ""] {
                let _ = seconds(&text, zone);
                let _ = seconds(&date, zone);
            }
        }
    }
}
