//! Converting a date on a wall clock to Unix seconds.

use chrono::{MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{OffsetComponents, Tz};

/// 0001-01-01T00:00:00Z and 10000-01-01T00:00:00Z, between which Python's datetime and this module can represent times.
const FIRST_EPOCH: f64 = -62_135_596_800.0;
const END_EPOCH: f64 = 253_402_300_800.0;

/// Returns `seconds` if they are in the years 1 to 9999. This excludes infinities, and milliseconds given by mistake.
pub(super) fn checked_epoch(seconds: f64) -> Result<f64, &'static str> {
    if (FIRST_EPOCH..END_EPOCH).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("is not in the years 1 to 9999, as seconds since 1970")
    }
}

/// Returns the Unix seconds of a local time, which is `offset_s` seconds east of UTC or, without offset, in `tz`.
///
/// `None` is returned only near the ends of the calendar.
pub(super) fn to_epoch(local: NaiveDateTime, offset_s: Option<i32>, tz: Tz) -> Option<f64> {
    let offset_s = match offset_s {
        Some(offset_s) => offset_s,
        None => offset_in(local, tz)?,
    };
    let micros = local.and_utc().timestamp_micros() - i64::from(offset_s) * 1_000_000;
    Some(micros_to_seconds(micros))
}

/// Returns the offset in seconds of `tz` at a local time, chosen as pytz's `localize(local, is_dst=False)` does.
///
/// A time that occurs twice is in standard time (in Ireland, that is summer time), or else the later one. A time that
/// the clock skips has the offset from before the change: pytz looks six hours back, again and again (Samoa skipped a
/// whole day).
fn offset_in(local: NaiveDateTime, tz: Tz) -> Option<i32> {
    let mut at = local;
    for _ in 0..=8 {
        match tz.offset_from_local_datetime(&at) {
            MappedLocalTime::Single(offset) => return Some(offset.fix().local_minus_utc()),
            MappedLocalTime::Ambiguous(one, other) => {
                let offset_s = [one, other].map(|offset| {
                    (
                        !offset.dst_offset().is_zero(),
                        offset.fix().local_minus_utc(),
                    )
                });
                // `false`, for standard time, is the least; the smaller offset is the later instant
                return offset_s.into_iter().min().map(|(_, offset_s)| offset_s);
            }
            MappedLocalTime::None => at = at.checked_sub_signed(TimeDelta::hours(6))?,
        }
    }
    None
}

/// Returns the double nearest to `micros` / 10⁶, as Python's `timedelta.total_seconds` does.
fn micros_to_seconds(micros: i64) -> f64 {
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    if micros.unsigned_abs() <= EXACT {
        return micros as f64 / 1e6;
    }
    // beyond 285 years from 1970, the numerator would be rounded, and then the quotient again
    let (seconds, fraction) = (
        micros.unsigned_abs() / 1_000_000,
        micros.unsigned_abs() % 1_000_000,
    );
    let size: f64 = format!("{seconds}.{fraction:06}")
        .parse()
        .expect("digits and a point are a number");
    if micros < 0 { -size } else { size }
}
