//! Times as sensors write them.

use chrono_tz::Tz;
use tahoe_core::time::{parse_iso8601, parse_tzname};
use tahoe_core::{Timestamp, Value};

use crate::excerpt;

/// Years 1 to 9999: what the date library of every reader can show.
const RANGE_S: std::ops::Range<f64> = -62_135_596_800.0..253_402_300_800.0;

/// Unix seconds from ISO 8601 text, or from epoch seconds as a number or as text.
///
/// A time without an offset is in `timezone` (an IANA name). The error says what is wrong, to stand after
/// the field's name.
pub(crate) fn parse(value: &Value, timezone: &str) -> Result<Timestamp, String> {
    let (seconds, shown) = match value {
        Value::Number(number) => (number.as_f64(), excerpt(&number.to_string())),
        Value::String(text) => (from_text(text.trim(), timezone)?, excerpt(text)),
        _ => return Err("is neither text nor a number".to_owned()),
    };
    let seconds =
        seconds.ok_or_else(|| format!("{shown} is neither ISO 8601 nor epoch seconds"))?;
    match Timestamp::new(seconds) {
        Ok(timestamp) if RANGE_S.contains(&seconds) => Ok(timestamp),
        _ => Err(format!("{shown} is outside the years 1 to 9999")),
    }
}

/// `Ok(None)` when the text is no time; an error when the time zone is at fault.
fn from_text(text: &str, timezone: &str) -> Result<Option<f64>, String> {
    if let Some(seconds) = epoch_seconds(text) {
        return Ok(Some(seconds));
    }
    let in_utc = parse_iso8601(text, Tz::UTC);
    if in_utc.is_none() || has_offset(text) {
        return Ok(in_utc);
    }
    let zone = parse_tzname(timezone).map_err(|_| {
        let timezone = excerpt(timezone);
        format!("has no offset, and the timezone {timezone} is unknown")
    })?;
    Ok(parse_iso8601(text, zone))
}

fn epoch_seconds(text: &str) -> Option<f64> {
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+');
    text.parse().ok().filter(|_| text.bytes().all(plain))
}

/// Of a text that [`parse_iso8601`] reads: signs after the date are an offset's.
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
            // Once as summer time, once as standard time: standard.
            (
                "2020-11-01T01:30:00",
                "America/Los_Angeles",
                1_604_223_000.0,
            ),
            // Skipped: the standard offset.
            (
                "2020-03-08T02:30:00",
                "America/Los_Angeles",
                1_583_663_400.0,
            ),
            ("1588032005.25", "UTC", 1_588_032_005.25),
            ("-1", "UTC", -1.0),
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
            "99999999999999",
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
