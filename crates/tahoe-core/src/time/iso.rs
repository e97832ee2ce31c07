//! The time stamps of logs: ISO 8601, read strictly and fast.

use chrono::{NaiveDateTime, NaiveTime};
use chrono_tz::Tz;

use super::clock::{fraction_micros, offset_seconds};
use super::day::calendar_day;
use super::local::to_epoch;

/// Reads times such as `2020-04-28T00:00:05.834291Z` as Unix seconds.
///
/// A `T` or a space separates date and time. The seconds may be missing, and so may their fraction, which is cut to
/// microseconds. The offset is `Z`, `+02:00`, `+0200`, `+02`, or missing: then the time is in `default_tz`. The result
/// is the double that Python's `datetime.timestamp()` gives for that instant, on which the hashes of events depend.
///
/// ```
/// use tahoe_core::time::{parse_iso8601, parse_tzname};
///
/// let utc = parse_tzname("UTC")?;
/// assert_eq!(parse_iso8601("2020-04-28T00:00:05.5Z", utc), Some(1_588_032_005.5));
/// # Ok::<(), tahoe_core::time::TimeError>(())
/// ```
pub fn parse_iso8601(text: &str, default_tz: Tz) -> Option<f64> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.digits(4)?;
    rest.expect(b"-")?;
    let month = rest.digits(2)?;
    rest.expect(b"-")?;
    let day = rest.digits(2)?;
    rest.expect(b"Tt ")?;
    let time = rest.time()?;
    let offset_s = rest.offset()?;
    to_epoch(
        NaiveDateTime::new(calendar_day(year, month, day)?, time),
        offset_s,
        default_tz,
    )
}

/// The bytes that are left to read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Reads a number of exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |number, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + u32::from(digit - b'0'))
        })
    }

    /// Reads one byte, if it is among `allowed`.
    fn expect(&mut self, allowed: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        allowed
            .contains(&first)
            .then(|| self.0 = rest)
            .map(|()| first)
    }

    fn time(&mut self) -> Option<NaiveTime> {
        let hour = self.digits(2)?;
        self.expect(b":")?;
        let minute = self.digits(2)?;
        let (mut second, mut micros) = (0, 0);
        if self.expect(b":").is_some() {
            second = self.digits(2)?;
            if self.expect(b".,").is_some() {
                let len = self
                    .0
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                let (digits, rest) = self.0.split_at(len);
                micros = (len > 0).then(|| fraction_micros(digits))?;
                self.0 = rest;
            }
        }
        NaiveTime::from_hms_micro_opt(hour, minute, second, micros)
    }

    /// Reads the rest as an offset in seconds; `Some(None)` if nothing is left.
    fn offset(&mut self) -> Option<Option<i32>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let offset_s = match self.expect(b"Zz+-")? {
            b'Z' | b'z' => 0,
            sign => {
                let hours = self.digits(2)?;
                let colon = self.expect(b":").is_some();
                let minutes = if self.0.is_empty() && !colon {
                    0
                } else {
                    self.digits(2)?
                };
                offset_seconds(sign == b'-', hours, minutes)?
            }
        };
        self.0.is_empty().then_some(Some(offset_s))
    }
}
