//! Instants and time zones, as people write them.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::error::TimeError;
use super::{local, parse};

/// Reads epoch seconds or a date, with or without time and offset, as Unix seconds.
///
/// A text that is a number, `20200521` too, is epoch seconds. Without an offset the date is in `tz`, without a time it is
/// at 00:00. Fractions of a second are cut to microseconds. The years are 1 to 9999.
///
/// ```
/// use tahoe_core::time::{parse_instant, parse_tzname};
///
/// let berlin = parse_tzname("Europe/Berlin")?;
/// assert_eq!(parse_instant("2020/05/21 02:00am", berlin)?, 1_590_019_200.0);
/// assert!(parse_instant("10:00", berlin).is_err());
/// # Ok::<(), tahoe_core::time::TimeError>(())
/// ```
pub fn parse_instant(text: &str, tz: Tz) -> Result<f64, TimeError> {
    instant(text, tz).map_err(|reason| TimeError::new("time", text, reason))
}

/// Returns the time zone of an IANA name such as `Europe/Berlin`, in any case.
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

/// Reads an instant as [`parse_instant`] does; the error is the problem with the text.
pub(super) fn instant(text: &str, tz: Tz) -> Result<f64, &'static str> {
    let text = text.trim();
    if is_numeric(text)
        && let Ok(seconds) = text.parse()
    {
        return local::checked_epoch(seconds);
    }
    let written = parse::parse(text)?;
    local::to_epoch(written.local, written.offset_s, tz).ok_or("out of the years 1 to 9999")
}

/// Whether a text is a number. `f64::from_str` alone would also accept `inf` and `nan`.
fn is_numeric(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
}
