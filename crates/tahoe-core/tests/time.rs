//! Times of queries and logs against python-dateutil, pytz and Python's datetime.

use chrono_tz::Tz;
use proptest::prelude::*;
use serde_json::{Value, json};
use tahoe_core::time::{
    TimeError, TimeRange, parse_instant, parse_iso8601, parse_last, parse_tzname,
};

const VECTORS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/fixtures/time/dateutil.jsonl"
);
const NOW: f64 = 1_600_000_000.0;
const DAY: f64 = 86_400.0;

fn range(
    from: Value,
    to: Value,
    last: Option<&str>,
    tzname: Option<&str>,
) -> Result<TimeRange, TimeError> {
    TimeRange::new(Some(&from), Some(&to), last, tzname, NOW)
}

fn refusal(result: Result<TimeRange, TimeError>) -> String {
    result.expect_err("a refusal").to_string()
}

#[test]
fn reads_what_dateutil_and_pytz_read() {
    let vectors = std::fs::read_to_string(VECTORS).unwrap();
    let mut wrong = Vec::new();
    for line in vectors.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let text = vector["text"].as_str().unwrap();
        let tz = vector["tzname"]
            .as_str()
            .map_or(Tz::UTC, |name| parse_tzname(name).unwrap());
        let read = parse_instant(text, tz);
        if read.as_ref().ok().copied() != vector["epoch"].as_f64() {
            wrong.push(format!("{line} but {read:?}"));
        }
    }
    assert!(vectors.lines().count() > 500);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Reads styles that dateutil refuses or misreads; it puts the second one into the current year.
#[test]
fn reads_styles_that_dateutil_does_not() {
    for (text, iso) in [
        ("21/May/2020:02:00:00 +0000", "2020-05-21T02:00:00Z"),
        ("May 21,2020", "2020-05-21T00:00:00Z"),
        ("2020-05-21:02:00", "2020-05-21T02:00:00Z"),
        ("2020-05-21 UTC", "2020-05-21T00:00:00Z"),
        ("20200521Z", "2020-05-21T00:00:00Z"),
        ("20200521020000.5Z", "2020-05-21T02:00:00.5Z"),
        ("21. May 2020", "2020-05-21T00:00:00Z"),
        ("Tues, 21 May 2020", "2020-05-21T00:00:00Z"),
        ("5/21/2020 2:00\u{202f}PM", "2020-05-21T14:00:00Z"),
        (
            "2020-05-21 02:00 +0200 (Central European Summer Time)",
            "2020-05-21T00:00:00Z",
        ),
        ("2020-05-21 02:00 utc", "2020-05-21T02:00:00Z"),
    ] {
        assert_eq!(
            parse_instant(text, Tz::UTC).ok(),
            parse_iso8601(iso, Tz::UTC),
            "{text}"
        );
    }
}

#[test]
fn refusals_say_why() {
    let reason = |text| parse_instant(text, Tz::UTC).unwrap_err().reason;
    assert!(reason("2020-05-21 02:00 EST").contains("time zones are ambiguous"));
    assert!(reason("2020-05-21 02:00 UTC+3").contains("write the offset alone"));
    assert!(reason("5/21/20").contains("four digits"));
    assert!(reason("10:00").contains("a day, a month and a year"));
    assert!(reason("2021-02-29").contains("no such day"));
    assert!(reason("1588032005834").contains("1 to 9999"));
    let error = parse_instant(&"x".repeat(1000), Tz::UTC).unwrap_err();
    assert_eq!(error.text.len(), 100);
}

#[test]
fn range_of_from_and_to() {
    let open = TimeRange {
        start: None,
        end: None,
    };
    assert_eq!(TimeRange::new(None, None, None, None, NOW), Ok(open));
    assert_eq!(range(Value::Null, Value::Null, None, None), Ok(open));
    assert_eq!(
        range(json!(5), json!("6.5"), None, None),
        Ok(TimeRange {
            start: Some(5.0),
            end: Some(6.5)
        })
    );
    assert_eq!(
        range(json!(5), json!(5), None, None),
        Ok(TimeRange {
            start: Some(5.0),
            end: Some(5.0)
        })
    );
    let berlin = range(
        json!("2020-05-21"),
        json!("2020-05-21T00:00Z"),
        None,
        Some("europe/berlin"),
    )
    .unwrap();
    assert_eq!(
        berlin,
        TimeRange {
            start: Some(1_590_012_000.0),
            end: Some(1_590_019_200.0)
        }
    );
}

#[test]
fn range_of_last() {
    let day = TimeRange {
        start: Some(NOW - DAY),
        end: Some(NOW),
    };
    assert_eq!(TimeRange::new(None, None, Some("1d"), None, NOW), Ok(day));
    let both = refusal(range(json!(5), Value::Null, Some("1d"), None));
    assert_eq!(both, r#"last "1d": cannot stand beside from or to"#);
    assert!(
        refusal(range(Value::Null, json!("2020-05-21"), Some("1d"), None)).starts_with("last ")
    );
}

#[test]
fn refused_ranges_name_the_field() {
    assert_eq!(
        refusal(range(json!(6), json!("5"), None, None)),
        r#"from "6": is later than to"#
    );
    assert!(refusal(range(json!("soon"), Value::Null, None, None)).starts_with(r#"from "soon": "#));
    assert!(refusal(range(Value::Null, json!([1]), None, None)).starts_with(r#"to "[1]": "#));
    assert!(refusal(range(json!(true), Value::Null, None, None)).starts_with(r#"from "true": "#));
    assert!(refusal(range(json!(1e300), Value::Null, None, None)).contains("1 to 9999"));
    for tzname in ["", "Mars/Olympus", "CEST", "+02:00"] {
        assert!(
            refusal(range(json!(1), Value::Null, None, Some(tzname))).starts_with("tzname "),
            "{tzname}"
        );
    }
}

#[test]
fn last_is_a_count_and_a_unit() {
    for (text, seconds) in [
        ("5s", 5.0),
        ("5 sec", 5.0),
        (" 5\tSeconds ", 5.0),
        ("0s", 0.0),
        ("30min", 1800.0),
        ("30m", 1800.0),
        ("30 MIN", 1800.0),
        ("1 minute", 60.0),
        ("2h", 7200.0),
        ("2H", 7200.0),
        ("1.5 hrs", 5400.0),
        ("7d", 7.0 * DAY),
        ("1w", 7.0 * DAY),
        ("2 weeks", 14.0 * DAY),
        ("1M", 30.4375 * DAY),
        ("1 Month", 30.4375 * DAY),
        ("1Y", 365.25 * DAY),
        ("1y", 365.25 * DAY),
        ("10 years", 3652.5 * DAY),
    ] {
        assert_eq!(parse_last(text), Ok(seconds), "{text}");
    }
    for text in [
        "",
        "5",
        "d",
        "-5d",
        "5 fortnights",
        "5 d d",
        "1h30m",
        "1.2.3d",
        ".d",
        "infd",
        "NaN d",
        "1e5s",
        "٣d",
        "5ms",
    ] {
        assert_eq!(parse_last(text).unwrap_err().field, "last", "{text}");
    }
    assert_eq!(
        parse_last(&format!("{}d", "9".repeat(400)))
            .unwrap_err()
            .reason,
        "is too long"
    );
}

/// The expected numbers are those of Python's `datetime.timestamp()`.
#[test]
fn iso8601_of_logs() {
    let berlin = Tz::Europe__Berlin;
    for (text, seconds) in [
        ("2020-04-28T00:00:05.834291Z", 1_588_032_005.834_291),
        ("2020-04-28T00:00:05.834291+0000", 1_588_032_005.834_291),
        ("2020-04-28 02:00:05.834291", 1_588_032_005.834_291),
        ("2020-04-28T02:00:05.834291+02:00", 1_588_032_005.834_291),
        ("2020-04-28T02:00:05.8342919999+0200", 1_588_032_005.834_291),
        ("2020-04-27T19:00:05.834291-05", 1_588_032_005.834_291),
        ("2020-04-28T00:00:05.5Z", 1_588_032_005.5),
        ("2020-04-28T00:00:05Z", 1_588_032_005.0),
        ("2020-04-28T00:00Z", 1_588_032_000.0),
        ("1969-12-31T23:59:59.000001Z", -0.999_999),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799.999_999),
    ] {
        assert_eq!(parse_iso8601(text, berlin), Some(seconds), "{text}");
    }
    for text in [
        "",
        "2020-04-28",
        "2020-04-28T",
        "2020-04-28T00",
        "2020-04-28T00:00:05.",
        "2020-04-28T00:00:05.Z",
        "2020-04-28T00:00:05Zx",
        "2020-04-28T00:00:05+2",
        "2020-04-28T00:00:05+24:00",
        "2020-04-28T00:00:05 Z",
        "2020-04-31T00:00:05Z",
        "0000-04-28T00:00:05Z",
        "2020-04-28T24:00:00Z",
        "2020-04-28T00:00:60Z",
        "+020-04-28T00:00:05Z",
        "2020-4-28T00:00:05Z",
        "2020-04-28T00:00:05+02:",
        "1588032005",
    ] {
        assert_eq!(parse_iso8601(text, berlin), None, "{text}");
    }
}

fn some_tz() -> impl Strategy<Value = Tz> {
    prop::sample::select(&chrono_tz::TZ_VARIANTS[..])
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".*", tz in some_tz()) {
        let _ = (parse_instant(&text, tz), parse_iso8601(&text, tz), parse_last(&text), parse_tzname(&text));
    }

    #[test]
    fn nothing_like_a_date_makes_it_panic(text in "([0-9]{1,14}|[-+:/., ()TZ]|am|p|May|Thu|UTC|th|é){0,12}", tz in some_tz()) {
        let _ = (parse_instant(&text, tz), parse_iso8601(&text, tz), parse_last(&text));
    }

    #[test]
    fn both_parsers_agree(text in "(000|199|202|999)[0-9]-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?(Z|[-+][0-2][0-9](:?[0-5][0-9])?)?", tz in some_tz()) {
        prop_assert_eq!(parse_iso8601(&text, tz), parse_instant(&text, tz).ok());
    }
}
