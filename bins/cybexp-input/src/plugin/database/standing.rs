//! Whether a row's cursor can be believed: one value beyond all others must not hide the rows that come later.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use serde_json::Value;

use super::connection::Kind;

/// How the cursor of a row stands to the row before it, and to the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A place like any other: what comes later is at or behind it.
    Usual,
    /// A time that is still to come.
    Early,
    /// A number so far from the one before it, or a value of so different a type, that one row is no proof of it.
    Odd,
    /// No place that anything comes after, or that can be asked for: infinity, NaN, bytes.
    Endless,
}

/// A time without a zone may be that of a place where it is so much later than in UTC.
const EAST: TimeDelta = TimeDelta::hours(14);
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
    kind: Kind,
    now: DateTime<Utc>,
) -> Standing {
    let text = match at {
        Value::Null => return Standing::Endless,
        Value::String(text) => Some(text.as_str()),
        _ => None,
    };
    if kind == Kind::Number {
        let number = number(at).unwrap_or(f64::NAN);
        if number == f64::NEG_INFINITY {
            return Standing::Usual;
        }
        if !number.is_finite() {
            return Standing::Endless;
        }
        return match before.and_then(self::number) {
            Some(before) if before.is_finite() => by_number(before, number, now),
            _ => Standing::Usual,
        };
    }
    let Some(text) = text else {
        return Standing::Usual;
    };
    // of a text among texts that are no times, it says nothing
    let comparable = kind == Kind::Time || before.is_none_or(is_time);
    match time(text) {
        Some(time) if comparable && time > now => Standing::Early,
        None if kind == Kind::Time && text == "infinity" => Standing::Endless,
        // SQLite: a text among numbers is behind all of them
        _ if kind == Kind::Text && before.is_some_and(Value::is_number) => Standing::Odd,
        _ => Standing::Usual,
    }
}

/// Whether this time, or the number of one, is more than a day ahead: no clock that is a little fast explains it.
pub(super) fn is_far(at: &Value, now: DateTime<Utc>) -> bool {
    match at.as_str().and_then(time) {
        Some(time) => time - now > TimeDelta::days(1),
        None => true,
    }
}

fn by_number(before: f64, number: f64, now: DateTime<Utc>) -> Standing {
    #[allow(
        clippy::cast_precision_loss,
        reason = "a second more or less is no matter"
    )]
    let now_s = now.timestamp() as f64;
    for ticks in TICKS {
        let was_time = (EPOCH_S..now_s + DAY_S).contains(&(before / ticks));
        if was_time && number / ticks > now_s + DAY_S {
            return Standing::Odd;
        }
    }
    match number > TIMES * before.max(SMALL) {
        true => Standing::Odd,
        false => Standing::Usual,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| time(text).is_some())
}

/// The earliest time that a text of ISO 8601 can mean, as databases write it: `2026-11-21 10:00:00.5+02`.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let day_end = text.find(['T', ' ']).unwrap_or(text.len());
    let (day, rest) = text.split_at(day_end);
    let day = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
    let Some(rest) = rest.get(1..) else {
        return Some(day.and_time(NaiveTime::MIN).and_utc() - EAST);
    };
    let clock_end = rest
        .find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'))
        .unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(clock_end);
    let clock = ["%H:%M:%S%.f", "%H:%M"]
        .iter()
        .find_map(|format| NaiveTime::parse_from_str(clock, format).ok())?;
    let time = NaiveDateTime::new(day, clock);
    match zone.trim_start() {
        "" => Some(time.and_utc() - EAST),
        "Z" | "z" => Some(time.and_utc()),
        zone => Some(time.and_utc() - offset(zone)?),
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

    fn of(before: Value, at: Value, kind: Kind) -> Standing {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        standing((!before.is_null()).then_some(&before), &at, kind, now)
    }

    #[test]
    fn times_that_are_still_to_come() {
        let typed = |at: &str| of(Value::Null, json!(at), Kind::Time);
        for past in [
            "2026-11-21 10:00:00+00",
            "2026-11-21 13:29:59.123456+03:30",
            "2026-11-21T09:59:59Z",
            // somewhere it is that late already
            "2026-11-21 23:59:59",
            "2026-11-21",
            "0044-03-15 12:00:00+00 BC",
            // before all others: it hides nothing
            "-infinity",
        ] {
            assert_eq!(typed(past), Standing::Usual, "{past}");
        }
        for early in [
            "2026-11-21 10:00:01+00",
            "2099-01-01",
            "2026-11-22 00:00:01",
            "2099-01-01 00:00:00",
        ] {
            assert_eq!(typed(early), Standing::Early, "{early}");
        }
        assert_eq!(typed("infinity"), Standing::Endless);
        // texts, where the one before is a time, too
        let text = |before: Value| of(before, json!("2099-01-01T00:00:00Z"), Kind::Text);
        assert_eq!(text(json!("2026-11-20T00:00:00Z")), Standing::Early);
        assert_eq!(text(json!("2026-aaaa")), Standing::Usual);
    }

    #[test]
    fn numbers_far_from_the_one_before() {
        let number = |before: Value, at: Value| of(before, at, Kind::Number);
        for (before, at) in [
            (Value::Null, json!(99_999_999_999_u64)),
            (json!(1), json!(50_000)),
            (json!("12345678901"), json!("99999999999")),
            (json!(1_700_000_000), json!(1_795_000_000)),
            (json!(-5), json!(5)),
        ] {
            assert_eq!(
                number(before.clone(), at.clone()),
                Standing::Usual,
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
                Standing::Odd,
                "{before} {at}"
            );
        }
        assert_eq!(number(Value::Null, json!("-Infinity")), Standing::Usual);
        for endless in [json!("NaN"), json!("Infinity"), Value::Null] {
            assert_eq!(number(json!(1), endless), Standing::Endless);
        }
        assert_eq!(of(json!(1), json!("1700000002"), Kind::Text), Standing::Odd);
        assert_eq!(of(json!("a"), json!("~~~"), Kind::Text), Standing::Usual);
    }
}
