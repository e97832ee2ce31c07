//! Times as formats write them, in UTC.

use chrono::{DateTime, SecondsFormat, Utc};

/// The last second of the year 9999. RFC 3339 knows no later years.
const LAST: f64 = 253_402_300_799.0;

fn utc(unix: f64) -> DateTime<Utc> {
    // the cast keeps within its bounds what is none
    let millis = (unix.clamp(0.0, LAST) * 1000.0).round() as i64;
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// Returns a time as RFC 3339 with milliseconds, as STIX wants it.
pub fn millis(unix: f64) -> String {
    utc(unix).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Returns a time as RFC 3339 with whole seconds.
pub(crate) fn seconds(unix: f64) -> String {
    utc(unix).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns the day of a time, as `2026-11-27`.
pub(crate) fn day(unix: f64) -> String {
    utc(unix).format("%Y-%m-%d").to_string()
}

/// Returns whole Unix seconds.
pub(crate) fn unix(unix: f64) -> i64 {
    unix.clamp(0.0, LAST) as i64
}

/// Reads a time of RFC 3339, in Unix seconds.
pub fn parse(text: &str) -> Option<f64> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    // milliseconds are written, and must be read as the same double
    let micros = time.timestamp_micros();
    Some(match micros % 1000 {
        0 => (micros / 1000) as f64 / 1000.0,
        _ => micros as f64 / 1e6,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_no_calendar_has_are_cut() {
        assert_eq!(millis(1_764_236_700.25), "2025-11-27T09:45:00.250Z");
        assert_eq!(seconds(-5.0), "1970-01-01T00:00:00Z");
        assert_eq!(day(1e300), "9999-12-31");
        assert_eq!(
            parse("2025-11-27T10:45:00.250+01:00"),
            Some(1_764_236_700.25)
        );
        assert_eq!(parse("2025-11-27"), None);
        assert_eq!(seconds(f64::NAN), "1970-01-01T00:00:00Z");
    }
}
