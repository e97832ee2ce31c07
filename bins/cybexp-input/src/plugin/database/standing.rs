//! Whether a row's cursor can be believed: one value beyond all others must not hide the rows that come later.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::connection::CursorKind;

/// How the cursor of a row stands to the row before it, and to the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CursorStanding {
    /// A place like any other: what comes later is at or behind it.
    Usual,
    /// A time that is still to come.
    Early,
    /// A number so far from the one before it, or a value of so different a type, that one row is no proof of it.
    Odd,
    /// No place that anything comes after, or that can be asked for: infinity, NaN, bytes.
    Endless,
}

/// Numbers between these, in seconds, may be Unix times: the first is of September 2001.
const EPOCH_S: f64 = 1e9;
/// Ticks in a second, of the clocks that count from 1970.
const TICKS: [f64; 4] = [1.0, 1e3, 1e6, 1e9];
const DAY_S: f64 = 86_400.0;
/// A number is odd that is so many times the one before it …
const TIMES: f64 = 1000.0;
/// … or, where that is smaller, this one.
const SMALL: f64 = 1000.0;

/// How `at`, the cursor of a row, stands to `before`, that of the row before it.
pub(super) fn standing(
    before: Option<&Value>,
    at: &Value,
    kind: CursorKind,
    clock: SourceClock,
) -> CursorStanding {
    let text = match at {
        Value::Null => return CursorStanding::Endless,
        Value::String(text) => Some(text.as_str()),
        _ => None,
    };
    if kind == CursorKind::Number {
        let number = number(at).unwrap_or(f64::NAN);
        if number == f64::NEG_INFINITY {
            return CursorStanding::Usual;
        }
        if !number.is_finite() {
            return CursorStanding::Endless;
        }
        return match before.and_then(self::number) {
            Some(before) if before.is_finite() => by_number(before, number, clock.now),
            _ => CursorStanding::Usual,
        };
    }
    let Some(text) = text else {
        return CursorStanding::Usual;
    };
    // of a text among texts that are no times, it says nothing
    let is_time = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| clock.time(text, kind).is_some())
    };
    let comparable = kind != CursorKind::Text || before.is_none_or(is_time);
    match clock.time(text, kind) {
        Some(time) if comparable && time > clock.now => CursorStanding::Early,
        None if kind != CursorKind::Text && text == "infinity" => CursorStanding::Endless,
        // SQLite: a text among numbers is behind all of them
        _ if kind == CursorKind::Text && before.is_some_and(Value::is_number) => {
            CursorStanding::Odd
        }
        _ => CursorStanding::Usual,
    }
}

/// The time that it is, and the zone of times that name none.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourceClock {
    pub(super) now: DateTime<Utc>,
    pub(super) zone: Tz,
}

impl SourceClock {
    /// Whether this time is more than a day ahead, or no time: no clock that is a little fast explains it.
    pub(super) fn is_far(self, at: &Value, kind: CursorKind) -> bool {
        match at.as_str().and_then(|text| self.time(text, kind)) {
            Some(time) => time - self.now > TimeDelta::days(1),
            None => true,
        }
    }

    /// The time that a text of ISO 8601 means, as databases write it: `2026-11-21 10:00:00.5+02`.
    fn time(self, text: &str, kind: CursorKind) -> Option<DateTime<Utc>> {
        let (day, rest) = text.split_at(text.find(['T', ' ']).unwrap_or(text.len()));
        let year = day.split('-').next().unwrap_or_default();
        let is_year = year.bytes().all(|byte| byte.is_ascii_digit());
        if year.len() > 4 && is_year && kind != CursorKind::Text && !text.ends_with("BC") {
            return Some(DateTime::<Utc>::MAX_UTC);
        }
        let day = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
        let Some(rest) = rest.get(1..) else {
            return self.here(day.and_time(NaiveTime::MIN), kind);
        };
        let is_clock = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.');
        let (clock, zone) = rest.split_at(rest.find(|c| !is_clock(c)).unwrap_or(rest.len()));
        let clock = ["%H:%M:%S%.f", "%H:%M"]
            .iter()
            .find_map(|format| NaiveTime::parse_from_str(clock, format).ok())?;
        let time = NaiveDateTime::new(day, clock);
        match zone.trim_start() {
            "" => self.here(time, kind),
            "Z" | "z" => Some(time.and_utc()),
            zone => time
                .checked_sub_signed(offset(zone)?)
                .map(|time| time.and_utc()),
        }
    }

    fn here(self, time: NaiveDateTime, kind: CursorKind) -> Option<DateTime<Utc>> {
        match kind {
            CursorKind::Utc => Some(time.and_utc()),
            // in the hour that is left out in spring, as if it were not
            _ => match self.zone.from_local_datetime(&time).earliest() {
                Some(time) => Some(time.to_utc()),
                None => Some(self.zone.from_utc_datetime(&time).to_utc()),
            },
        }
    }
}

fn by_number(before: f64, number: f64, now: DateTime<Utc>) -> CursorStanding {
    #[allow(
        clippy::cast_precision_loss,
        reason = "a second more or less is no matter"
    )]
    let now_s = now.timestamp() as f64;
    for ticks in TICKS {
        let was_time = (EPOCH_S..now_s + DAY_S).contains(&(before / ticks));
        if was_time && number / ticks > now_s + DAY_S {
            return CursorStanding::Odd;
        }
    }
    match number > TIMES * before.max(SMALL) {
        true => CursorStanding::Odd,
        false => CursorStanding::Usual,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

/// `+02`, `-03:30`, `+0530`.
fn offset(zone: &str) -> Option<TimeDelta> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 2 | 4 | 6) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i64 = digits[..2].parse().ok()?;
    let minutes: i64 = digits
        .get(2..4)
        .map_or(Some(0), |digits| digits.parse().ok())?;
    Some(TimeDelta::minutes(sign * (hours * 60 + minutes)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(before: Value, at: Value, kind: CursorKind) -> CursorStanding {
        let clock = SourceClock {
            now: "2026-11-21T10:00:00Z".parse().unwrap(),
            zone: Tz::Asia__Tokyo,
        };
        standing((!before.is_null()).then_some(&before), &at, kind, clock)
    }

    #[test]
    fn times_that_are_still_to_come() {
        let typed = |at: &str| of(Value::Null, json!(at), CursorKind::Time);
        for past in [
            "2026-11-21 10:00:00+00",
            "2026-11-21 13:29:59.123456+03:30",
            "2026-11-21T09:59:59Z",
            "2026-11-21 19:00:00",
            "2026-11-21",
            "0044-03-15 12:00:00+00 BC",
            "10000-01-01 00:00:00+00 BC",
            // before all others: it hides nothing
            "-infinity",
        ] {
            assert_eq!(typed(past), CursorStanding::Usual, "{past}");
        }
        for early in [
            "2026-11-21 10:00:01+00",
            "2099-01-01",
            "2026-11-21 19:00:01",
            "2099-01-01 00:00:00",
            "9999-12-31 23:59:59-99",
            "294276-12-31 23:59:59.999999+00",
        ] {
            assert_eq!(typed(early), CursorStanding::Early, "{early}");
        }
        let utc = of(Value::Null, json!("2026-11-21 10:00:01"), CursorKind::Utc);
        assert_eq!(utc, CursorStanding::Early);
        assert_eq!(typed("infinity"), CursorStanding::Endless);
        // texts, where the one before is a time, too
        let text = |before: Value| of(before, json!("2099-01-01T00:00:00Z"), CursorKind::Text);
        assert_eq!(text(json!("2026-11-20T00:00:00Z")), CursorStanding::Early);
        assert_eq!(text(json!("2026-aaaa")), CursorStanding::Usual);
    }

    #[test]
    fn numbers_far_from_the_one_before() {
        let number = |before: Value, at: Value| of(before, at, CursorKind::Number);
        for (before, at) in [
            (Value::Null, json!(99_999_999_999_u64)),
            (json!(1), json!(50_000)),
            (json!("12345678901"), json!("99999999999")),
            (json!(1_700_000_000), json!(1_795_000_000)),
            (json!(-5), json!(5)),
        ] {
            assert_eq!(
                number(before.clone(), at.clone()),
                CursorStanding::Usual,
                "{before} {at}"
            );
        }
        for (before, at) in [
            (json!(6), json!(99_999_999_999_u64)),
            (json!("6"), json!("9223372036854775807")),
            (json!(1_700_000_000), json!(4_070_908_800_u64)),
            (json!(1_700_000_000_000_u64), json!(4_070_908_800_000_u64)),
            (json!(1_700_000_000.5), json!(99_999_999_999_u64)),
        ] {
            assert_eq!(
                number(before.clone(), at.clone()),
                CursorStanding::Odd,
                "{before} {at}"
            );
        }
        assert_eq!(
            number(Value::Null, json!("-Infinity")),
            CursorStanding::Usual
        );
        for endless in [json!("NaN"), json!("Infinity"), Value::Null] {
            assert_eq!(number(json!(1), endless), CursorStanding::Endless);
        }
        assert_eq!(
            of(json!(1), json!("1700000002"), CursorKind::Text),
            CursorStanding::Odd
        );
        assert_eq!(
            of(json!("a"), json!("~~~"), CursorKind::Text),
            CursorStanding::Usual
        );
    }
}
