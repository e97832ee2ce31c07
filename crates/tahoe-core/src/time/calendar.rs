//! Hours, days and weeks, into which time is cut for counting.

use chrono::{DateTime, Datelike, Days, MappedLocalTime, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;

use super::local::to_epoch;

const HOUR_S: f64 = 3600.0;

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A full hour of UTC.
    Hour,
    /// A day of a time zone, which may have 23 or 25 hours.
    Day,
    /// A week of a time zone, from Monday.
    Week,
}

impl Step {
    /// All lengths, shortest first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    /// Returns the name, as in questions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }
}

/// The steps of time in a time zone.
///
/// Hours are those of UTC, whatever the zone. A day begins at midnight: at the first one if the clock is set back over
/// it, and at the change if the clock skips it. So steps follow each other without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// The length of a step.
    pub step: Step,
    /// The time zone of days and weeks.
    pub tz: Tz,
}

impl Calendar {
    /// Returns the step that holds a time in Unix seconds: its beginning, and its end, which is the beginning of the
    /// next one. Times before 1970 are in the same step as the beginning of 1970. Times beyond the year 9000 are in one
    /// step.
    pub fn around(self, at: f64) -> (f64, f64) {
        const LAST: f64 = 221_845_392_000.0;
        let at = at.max(0.0);
        if at >= LAST {
            return (LAST, f64::MAX);
        }
        let days = match self.step {
            Step::Hour => {
                // exact, where a division would round
                let start = at - at % HOUR_S;
                return (start, start + HOUR_S);
            }
            Step::Day => 1,
            Step::Week => 7,
        };
        let Some(utc) = DateTime::from_timestamp(at as i64, 0) else {
            return (LAST, f64::MAX);
        };
        let mut date = utc.with_timezone(&self.tz).date_naive();
        if self.step == Step::Week {
            let since_monday = date.weekday().num_days_from_monday();
            date = date - Days::new(u64::from(since_monday));
        }
        // where the clock is set back over midnight, the date of a time may be the one before its step's
        while self.begin(date + Days::new(days)) <= at {
            date = date + Days::new(days);
        }
        while self.begin(date) > at {
            date = date - Days::new(days);
        }
        (self.begin(date), self.begin(date + Days::new(days)))
    }

    /// Returns the beginning of a day.
    fn begin(self, date: NaiveDate) -> f64 {
        let midnight = date.and_time(NaiveTime::MIN);
        match self.tz.from_local_datetime(&midnight) {
            MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => {
                at.timestamp() as f64
            }
            MappedLocalTime::None => to_epoch(midnight, None, self.tz).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::TZ_VARIANTS;

    use super::*;
    use crate::time::parse_instant;

    fn day(tz: &str, text: &str) -> (String, f64) {
        let tz: Tz = tz.parse().unwrap();
        let at = parse_instant(text, tz).unwrap();
        let (start, end) = Calendar {
            step: Step::Day,
            tz,
        }
        .around(at);
        assert!((start..end).contains(&at));
        let start_utc = DateTime::from_timestamp(start as i64, 0).unwrap();
        (
            start_utc.format("%F %R").to_string(),
            (end - start) / HOUR_S,
        )
    }

    #[test]
    fn days_begin_at_midnight_of_the_zone() {
        for (tz, at, start, hours) in [
            ("UTC", "2024-03-31 12:00", "2024-03-31 00:00", 24.0),
            (
                "Europe/Berlin",
                "2024-03-31 12:00",
                "2024-03-30 23:00",
                23.0,
            ),
            (
                "Europe/Berlin",
                "2024-10-27 00:00",
                "2024-10-26 22:00",
                25.0,
            ),
            ("Asia/Kolkata", "2024-05-05 23:59", "2024-05-04 18:30", 24.0),
            (
                "Asia/Kathmandu",
                "2024-05-05 00:00",
                "2024-05-04 18:15",
                24.0,
            ),
            // midnight is skipped: the day begins at 01:00
            (
                "America/Sao_Paulo",
                "2018-11-04 12:00",
                "2018-11-04 03:00",
                23.0,
            ),
            // set back from midnight to 23:00
            (
                "America/Sao_Paulo",
                "2018-02-17 23:30",
                "2018-02-17 02:00",
                25.0,
            ),
            // midnight is there twice
            (
                "America/Havana",
                "2023-11-05 12:00",
                "2023-11-05 04:00",
                25.0,
            ),
            // the 30th was left out
            ("Pacific/Apia", "2011-12-31 12:00", "2011-12-30 10:00", 24.0),
        ] {
            assert_eq!(day(tz, at), (start.to_owned(), hours), "{tz} {at}");
        }
    }

    #[test]
    fn weeks_begin_before_monday() {
        let week = Calendar {
            step: Step::Week,
            tz: Tz::Europe__Berlin,
        };
        // Sunday, and the Monday after it
        for (at, start) in [
            ("2024-03-31 23:59", "2024-03-25"),
            ("2024-04-01", "2024-04-01"),
        ] {
            let [at, start] = [at, start].map(|text| parse_instant(text, week.tz).unwrap());
            assert_eq!(week.around(at).0, start);
        }
        let end = week.around(parse_instant("2024-03-31", week.tz).unwrap());
        assert_eq!((end.1 - end.0) / HOUR_S, 167.0);
    }

    #[test]
    fn what_is_long_ago_or_far_off_has_a_step() {
        for step in Step::ALL {
            let steps = Calendar {
                step,
                tz: Tz::America__New_York,
            };
            let (start, end) = steps.around(0.0);
            assert_eq!(steps.around(-1e12), (start, end));
            assert!(start <= 0.0 && end > 0.0);
            for far in [1e12, 1e300, f64::MAX] {
                assert!(steps.around(far).0 <= far);
            }
        }
    }

    /// In every zone, over all changes of its clock from 1970 to 2037.
    #[test]
    fn steps_follow_each_other_without_gaps() {
        for (n, tz) in TZ_VARIANTS.into_iter().enumerate() {
            for step in [Step::Day, Step::Week] {
                let steps = Calendar { step, tz };
                // each zone other years, and a day at least of each week
                let mut at = 30_000_000.0 * (n % 70) as f64;
                let (mut start, mut end) = steps.around(at);
                for _ in 0..60 {
                    assert!(start <= at && at < end, "{tz} {at}");
                    for inside in [start, f64::midpoint(start, end), end - 1.0] {
                        assert_eq!(steps.around(inside), (start, end), "{tz} {inside}");
                    }
                    at = end;
                    let next = steps.around(at);
                    assert_eq!(next.0, end, "{tz} {at}");
                    (start, end) = next;
                }
            }
        }
    }
}
