//! Timelines for people: a row for each bucket, with a bar.

use chrono::{DateTime, TimeZone};
use chrono_tz::Tz;
use cybexp_term::{self as term, DIM, YELLOW};
use serde_json::Value;

use super::arguments::SubjectArgs;
use super::show::{heading, known_good, taken_as, when};

/// The length of the longest bar, in characters.
const BAR: u64 = 30;

pub(super) fn timeline(subject: &SubjectArgs, report: &Value) {
    let data = &report["data"];
    heading(report);
    let by = data["by"].as_str().unwrap_or_default();
    let tz: Tz = data["tzname"]
        .as_str()
        .and_then(|name| name.parse().ok())
        .unwrap_or(Tz::UTC);
    let buckets = data["buckets"].as_array().map(Vec::as_slice);
    let buckets = buckets.unwrap_or_default();
    if !buckets.is_empty() {
        anstream::println!("{DIM}by {by}, {tz}{DIM:#}");
        let mut table = term::table(&[by, "events", "", "malicious", "benign", "unknown"]);
        let most = buckets.iter().map(events).max().unwrap_or(1);
        for bucket in buckets {
            let number = |field: &str| match &bucket[field] {
                Value::Number(number) if number.as_u64() == Some(0) => String::new(),
                number => number.to_string(),
            };
            table.add_row([
                beginning(by, tz, &bucket["start"]),
                events(bucket).to_string(),
                bar(events(bucket), most),
                number("malicious"),
                number("benign"),
                number("unknown"),
            ]);
        }
        for column in [1, 3, 4, 5] {
            term::align_right(&mut table, column);
        }
        anstream::println!("{table}");
    }
    taken_as(subject, report);
    known_good(report);
    if report["cut"] == true {
        anstream::println!(
            "{YELLOW}there is more than a report holds: ask for a shorter time, or longer buckets{YELLOW:#}"
        );
    }
}

/// Returns the number of a bucket's events.
fn events(bucket: &Value) -> u64 {
    let numbers = ["malicious", "benign", "unknown"].iter();
    numbers.filter_map(|name| bucket[*name].as_u64()).sum()
}

/// Returns a bar whose length is in proportion to the number; at least one mark.
fn bar(events: u64, most: u64) -> String {
    let marks = (u128::from(events) * u128::from(BAR)).div_ceil(u128::from(most.max(1)));
    "▪".repeat(marks.clamp(1, u128::from(BAR)) as usize)
}

/// Returns the beginning of a bucket in the time zone: for days and weeks the date.
fn beginning(by: &str, tz: Tz, start: &Value) -> String {
    let local = start
        .as_f64()
        .and_then(|start| DateTime::from_timestamp(start as i64, 0))
        .map(|start| tz.from_utc_datetime(&start.naive_utc()));
    match (local, by) {
        (Some(local), "hour") => local.format("%Y-%m-%d %H:%M").to_string(),
        (Some(local), _) => local.format("%Y-%m-%d %a").to_string(),
        (None, _) => when(start),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bucket_has_its_local_beginning_and_a_bar() {
        let start = json!(1_711_839_600.0);
        assert_eq!(
            beginning("day", Tz::Europe__Berlin, &start),
            "2024-03-31 Sun"
        );
        assert_eq!(
            beginning("hour", Tz::Asia__Kolkata, &start),
            "2024-03-31 04:30"
        );
        assert_eq!(beginning("day", Tz::UTC, &json!(null)), "");
        let length = |events: u64| bar(events, 90).chars().count();
        assert_eq!([0, 1, 45, 90, u64::MAX].map(length), [1, 1, 15, 30, 30]);
    }
}
