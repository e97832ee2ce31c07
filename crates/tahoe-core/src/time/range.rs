//! The time range of a query: `from`, `to`, `last`, `tzname`.

use chrono_tz::Tz;
use serde_json::Value;

use super::error::TimeError;
use super::instant::{instant, parse_tzname};
use super::local;

/// A range of Unix seconds; both ends belong to it, `None` is an open end.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TimeRange {
    /// The first instant.
    pub start: Option<f64>,
    /// The last instant.
    pub end: Option<f64>,
}

impl TimeRange {
    /// Reads the range of a query's fields at the time `now` (Unix seconds). Without any of them, both ends are open.
    ///
    /// `from` and `to` are epoch seconds (a number or a text) or a date as of [`parse_instant`](super::parse_instant);
    /// JSON's null counts as missing. `last` is a time up to `now`, as of [`parse_last`], and stands alone. `tzname` is by
    /// default UTC.
    pub fn new(
        from: Option<&Value>,
        to: Option<&Value>,
        last: Option<&str>,
        tzname: Option<&str>,
        now: f64,
    ) -> Result<Self, TimeError> {
        let tz = tzname.map_or(Ok(Tz::UTC), parse_tzname)?;
        let start = bound("from", from, tz)?;
        let end = bound("to", to, tz)?;
        if let Some(last) = last {
            if start.is_some() || end.is_some() {
                return Err(TimeError::new(
                    "last",
                    last,
                    "cannot stand beside from or to",
                ));
            }
            return Ok(Self {
                start: Some(now - parse_last(last)?),
                end: Some(now),
            });
        }
        if let (Some(start), Some(end), Some(from)) = (start, end, from)
            && start > end
        {
            return Err(TimeError::new("from", &shown(from), "is later than to"));
        }
        Ok(Self { start, end })
    }
}

fn bound(field: &'static str, value: Option<&Value>, tz: Tz) -> Result<Option<f64>, TimeError> {
    let Some(value) = value else { return Ok(None) };
    let read = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number
            .as_f64()
            .ok_or("is no number")
            .and_then(local::checked_epoch),
        Value::String(text) => instant(text, tz),
        _ => Err("is neither a number nor a text"),
    };
    read.map(Some)
        .map_err(|reason| TimeError::new(field, &shown(value), reason))
}

fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

const MINUTE_S: f64 = 60.0;
const HOUR_S: f64 = 60.0 * MINUTE_S;
const DAY_S: f64 = 24.0 * HOUR_S;
const YEAR_S: f64 = 365.25 * DAY_S;
const MONTH_S: f64 = YEAR_S / 12.0;

/// Reads a count and a unit, such as `5s`, `30 min`, `1.5h`, `7 days`, `1w`, `1M` or `1Y`, as seconds.
///
/// A month has 30.4375 days and a year 365.25. Case matters only between `m`, a minute, and `M`, a month.
///
/// ```
/// use tahoe_core::time::parse_last;
///
/// assert_eq!(parse_last("7d")?, 7.0 * 86_400.0);
/// # Ok::<(), tahoe_core::time::TimeError>(())
/// ```
pub fn parse_last(text: &str) -> Result<f64, TimeError> {
    last_seconds(text.trim()).map_err(|reason| TimeError::new("last", text, reason))
}

fn last_seconds(text: &str) -> Result<f64, &'static str> {
    if text.starts_with('-') {
        return Err("must not be negative");
    }
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (count, unit) = text.split_at(unit_at);
    let count: f64 = count.parse().map_err(|_| "does not begin with a count")?;
    let seconds = count
        * unit_seconds(unit.trim_start()).ok_or("has no unit such as s, m, h, d, w, M or Y")?;
    if seconds.is_finite() {
        Ok(seconds)
    } else {
        Err("is too long")
    }
}

fn unit_seconds(unit: &str) -> Option<f64> {
    if unit == "M" {
        return Some(MONTH_S);
    }
    Some(match unit.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE_S,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR_S,
        "d" | "day" | "days" => DAY_S,
        "w" | "wk" | "wks" | "week" | "weeks" => 7.0 * DAY_S,
        "mo" | "mos" | "month" | "months" => MONTH_S,
        "y" | "yr" | "yrs" | "year" | "years" => YEAR_S,
        _ => return None,
    })
}
