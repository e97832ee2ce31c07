//! Instants and time ranges as people and honeypots write them, as Unix seconds.
//!
//! - [`TimeRange`] is the `from`, `to`, `last` and `tzname` of a query.
//! - [`parse_instant`] reads epoch seconds or a date in many styles, as python-dateutil reads them with its defaults
//!   (`5/6/2020` is the 6th of May, `21/5/2020` the 21st), in a time zone as pytz does with `is_dst=False`.
//! - [`parse_iso8601`] is the fast, strict reader for the time stamps of logs.
//!
//! A text means the same whenever and wherever it is read. Refused, therefore, is what dateutil completes from today's
//! date (`10:00`, `May 2020`, years of two digits) and what has several meanings: abbreviations of time zones other than
//! UTC, GMT and Z; `UTC+3`, which dateutil takes as three hours *behind* UTC; `2020-05-21-02:00`, an offset or a time.

mod clock;
mod day;
mod iso;
mod lex;
mod local;
mod parse;
mod range;

use chrono_tz::{TZ_VARIANTS, Tz};

pub use iso::parse_iso8601;
pub use range::{TimeRange, parse_last};

/// The longest part of a refused text that an error repeats, in characters.
const SHOWN_CHARS: usize = 100;

/// Why a time was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {text:?}: {reason}")]
pub struct TimeError {
    /// The field of the query: `from`, `to`, `last` or `tzname`; `time` for a text that is in none.
    pub field: &'static str,
    /// The text that was to be read, cut to 100 characters.
    pub text: String,
    /// The problem with the text.
    pub reason: &'static str,
}

impl TimeError {
    fn new(field: &'static str, text: &str, reason: &'static str) -> Self {
        Self {
            field,
            text: text.chars().take(SHOWN_CHARS).collect(),
            reason,
        }
    }
}

/// Reads epoch seconds or a date, with or without time and offset, as Unix seconds.
///
/// A text that is a number, `20200521` too, is epoch seconds. Without an offset the date is in `tz`, without a time it is
/// at 00:00. Fractions of a second are cut to microseconds. The years are 1 to 9999.
pub fn parse_instant(text: &str, tz: Tz) -> Result<f64, TimeError> {
    instant(text, tz).map_err(|reason| TimeError::new("time", text, reason))
}

/// The time zone of an IANA name such as `Europe/Berlin`, in any case.
pub fn parse_tzname(name: &str) -> Result<Tz, TimeError> {
    TZ_VARIANTS
        .iter()
        .find(|tz| tz.name().eq_ignore_ascii_case(name))
        .copied()
        .ok_or_else(|| {
            TimeError::new(
                "tzname",
                name,
                "no time zone of the IANA database has this name",
            )
        })
}

fn instant(text: &str, tz: Tz) -> Result<f64, &'static str> {
    let text = text.trim();
    if is_numeric(text)
        && let Ok(seconds) = text.parse()
    {
        return local::checked_epoch(seconds);
    }
    let written = parse::parse(text)?;
    local::to_epoch(written.local, written.offset_s, tz).ok_or("out of the years 1 to 9999")
}

/// `f64::from_str` alone would also take `inf` and `nan`.
fn is_numeric(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
}
