//! Time cut into hours, and numbers of events by hour. Without input or output.

use std::collections::BTreeSet;
use std::ops::{Bound, RangeBounds};

use bson::{Document, doc};
use tahoe_core::time::TimeRange;

pub(crate) const HOUR_S: f64 = 3600.0;

/// Numbers of events by hour, oldest first.
pub(crate) type Hours = Vec<(i64, u64)>;

/// Returns the hour of a time, counted from 1970. All earlier times belong to the first hour.
pub(crate) fn hour_of(timestamp: f64) -> i64 {
    let since = timestamp.max(0.0);
    // exact, where a division would round
    ((since - since % HOUR_S) / HOUR_S) as i64
}

/// The server's expression for the hour of a time, in seconds. For times before 1970, its result may be negative.
pub(crate) fn hour_expression() -> Document {
    doc! {"$subtract": ["$timestamp", {"$mod": ["$timestamp", HOUR_S]}]}
}

/// Makes a condition on a field: its time is in this run of hours.
pub(crate) fn times(first: i64, last: i64) -> Document {
    let mut times = doc! {"$lt": (last + 1) as f64 * HOUR_S};
    if let Some(begin) = begin(first) {
        times.insert("$gte", begin);
    }
    times
}

fn begin(hour: i64) -> Option<f64> {
    (hour > 0).then_some(hour as f64 * HOUR_S)
}

/// The part of an hour that belongs to a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    None,
    Some,
    All,
}

pub(crate) fn part(of: &TimeRange, hour: i64) -> Part {
    let (begin, end) = (begin(hour), (hour as f64 + 1.0) * HOUR_S);
    let all_after = of
        .start
        .is_none_or(|start| begin.is_some_and(|begin| start <= begin));
    let all_before = of.end.is_none_or(|last| last >= end);
    let none = of.start.is_some_and(|start| start >= end)
        || of
            .end
            .is_some_and(|last| begin.is_some_and(|begin| last < begin));
    match (none, all_after && all_before) {
        (true, _) => Part::None,
        (_, true) => Part::All,
        _ => Part::Some,
    }
}

/// Returns the hours that may touch the range.
pub(crate) fn near(range: &TimeRange) -> impl RangeBounds<i64> + use<> {
    let first = range.start.map(hour_of);
    // a range may end before it begins
    let last = range
        .end
        .map(hour_of)
        .max(first.filter(|_| range.end.is_some()));
    let bound = |hour: Option<i64>| hour.map_or(Bound::Unbounded, Bound::Included);
    (bound(first), bound(last))
}

/// Returns the hours that the range cuts in two. They can only be those of its ends.
pub(crate) fn cut(range: &TimeRange) -> BTreeSet<i64> {
    let ends = range.start.into_iter().chain(range.end).map(hour_of);
    ends.filter(|hour| part(range, *hour) == Part::Some)
        .collect()
}

/// Groups hours into runs of consecutive hours, given by the first and the last of each.
pub(crate) fn runs(hours: impl IntoIterator<Item = i64>) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for hour in hours {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == hour => *last = hour,
            _ => runs.push((hour, hour)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn range(start: Option<f64>, end: Option<f64>) -> TimeRange {
        TimeRange { start, end }
    }

    #[test]
    fn an_hour_holds_its_first_second_and_not_the_next_hours() {
        for (timestamp, hour) in [
            (0.0, 0),
            (-1.0, 0),
            (-1e12, 0),
            (3_599.999_999, 0),
            (3600.0, 1),
            (1_699_999_199.999_999_8, 472_221),
            (1_699_999_200.0, 472_222),
        ] {
            assert_eq!(hour_of(timestamp), hour, "{timestamp}");
        }
    }

    #[test]
    fn hours_belong_to_ranges_wholly_in_part_or_not() {
        for (start, end, expected) in [
            (None, None, Part::All),
            (Some(7200.0), Some(10_800.0), Part::All),
            (Some(7200.0), Some(10_799.9), Part::Some),
            (Some(7200.1), None, Part::Some),
            (Some(10_800.0), None, Part::None),
            (None, Some(7200.0), Part::Some),
            (None, Some(7199.9), Part::None),
            (Some(8000.0), Some(8000.0), Part::Some),
        ] {
            assert_eq!(part(&range(start, end), 2), expected, "{start:?} {end:?}");
        }
        assert_eq!(
            part(&range(Some(0.0), None), 0),
            Part::Some,
            "what was before 1970"
        );
        assert_eq!(part(&range(None, Some(-5.0)), 0), Part::Some);
    }

    #[test]
    fn only_hours_at_the_ends_are_cut() {
        for (start, end) in [
            (None, None),
            (Some(7200.0), Some(14_399.9)),
            (Some(7200.1), Some(14_400.0)),
            (Some(-5.0), Some(3600.0)),
            (Some(0.0), None),
            (None, Some(-5.0)),
            (Some(8000.0), Some(8000.0)),
            (Some(9000.0), Some(8000.0)),
            (Some(1e300), Some(f64::MAX)),
        ] {
            let range = range(start, end);
            let all = (0..9).filter(|hour| part(&range, *hour) == Part::Some);
            assert_eq!(cut(&range), all.collect(), "{start:?} {end:?}");
            let far = (0..9).filter(|hour| !near(&range).contains(hour));
            for hour in far {
                assert_eq!(part(&range, hour), Part::None, "{start:?} {end:?}");
            }
            // a map is not asked for a range that ends before it begins, which panics
            let map = BTreeMap::from_iter((0..9).map(|hour| (hour, ())));
            assert!(map.range(near(&range)).count() <= 9);
        }
    }

    #[test]
    fn neighbours_are_one_run() {
        assert_eq!(runs([1, 2, 3, 7, 9, 10]), [(1, 3), (7, 7), (9, 10)]);
    }
}
