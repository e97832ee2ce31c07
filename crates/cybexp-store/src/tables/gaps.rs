//! The hours of a range that may be answered by tables, and the parts of it that may not. Without input or output.

use std::collections::HashMap;

use tahoe_core::time::TimeRange;

use crate::graph::hours::{HOUR_S, hour_of};
use crate::tables::headers::{self, Made};

/// A part of the range that is counted by the index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Gap {
    /// The first time; `None` for an open end.
    pub start: Option<f64>,
    /// The last time; `None` for an open end.
    pub end: Option<f64>,
    /// Whether the last time itself belongs to the part.
    pub includes_end: bool,
    /// The hour in which the part lies, if its tables are right: nothing has changed there since their making.
    pub unchanging: Option<(u32, Made)>,
}

impl Gap {
    /// Makes the condition on the time of events.
    pub(crate) fn times(&self) -> bson::Document {
        let mut times = bson::Document::new();
        if let Some(start) = self.start {
            times.insert("$gte", start);
        }
        if let Some(end) = self.end {
            times.insert(if self.includes_end { "$lte" } else { "$lt" }, end);
        }
        times
    }
}

/// Returns the first and the last hour that may have tables and lie wholly in the range.
pub(crate) fn whole_hours(range: &TimeRange) -> (u32, u32) {
    let clamp = |hour: i64| u32::try_from(hour.max(0)).unwrap_or(u32::MAX);
    let first = range.start.map_or(1, |start| {
        let hour = hour_of(start);
        let whole = start <= hour as f64 * HOUR_S;
        clamp(hour.saturating_add(i64::from(!whole)))
    });
    // the last second of an hour belongs to the range only if the next hour's first one does
    let last = range
        .end
        .map_or(u32::MAX, |end| clamp(hour_of(end).saturating_sub(1)));
    (first.max(1), last)
}

/// Returns the parts of the range outside the hours with right tables.
pub(crate) fn gaps(
    range: &TimeRange,
    right: &HashMap<u32, Made>,
    ends: &HashMap<u32, Made>,
) -> Vec<Gap> {
    let mut hours: Vec<u32> = right.keys().copied().collect();
    hours.sort_unstable();
    let begin = |hour: u32| f64::from(hour) * HOUR_S;
    let mut gaps = Vec::new();
    let mut start = range.start;
    let mut add_one = |start: Option<f64>, end: Option<f64>, includes_end: bool| {
        if let (Some(start), Some(end)) = (start, end)
            && (start > end || (start == end && !includes_end))
        {
            return;
        }
        let unchanging = start.zip(end).and_then(|(start, end)| {
            let hour = headers::number(hour_of(start))?;
            let within =
                end <= begin(hour) + HOUR_S && !(includes_end && end == begin(hour) + HOUR_S);
            within.then(|| Some((hour, *ends.get(&hour)?))).flatten()
        });
        gaps.push(Gap {
            start,
            end,
            includes_end,
            unchanging,
        });
    };
    // an hour that the range cuts is counted alone, so that its part may be kept
    let mut cuts: Vec<f64> = ends
        .keys()
        .flat_map(|hour| [begin(*hour), begin(*hour) + HOUR_S])
        .collect();
    cuts.sort_unstable_by(f64::total_cmp);
    let mut add = |mut start: Option<f64>, end: Option<f64>, includes_end: bool| {
        for cut in &cuts {
            let after = start.is_none_or(|start| start < *cut);
            if after && end.is_none_or(|end| *cut < end) {
                add_one(start, Some(*cut), false);
                start = Some(*cut);
            }
        }
        add_one(start, end, includes_end);
    };
    for hour in hours {
        add(start, Some(begin(hour)), false);
        start = Some(begin(hour) + HOUR_S);
    }
    add(start, range.end, true);
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: Option<f64>, end: Option<f64>) -> TimeRange {
        TimeRange { start, end }
    }

    #[test]
    fn tables_and_gaps_cover_the_range_once() {
        let hour = HOUR_S;
        let right = HashMap::from([(2, [2; 8]), (3, [3; 8]), (5, [5; 8])]);
        let told = |range: TimeRange| {
            let (first, last) = whole_hours(&range);
            let used: HashMap<u32, Made> = right
                .iter()
                .filter(|(hour, _)| (first..=last).contains(*hour))
                .map(|(hour, made)| (*hour, *made))
                .collect();
            let gaps = gaps(&range, &used, &right);
            // each time is in a table or in one gap
            for quarter in 0..40 {
                let at = f64::from(quarter) * hour / 4.0;
                let in_range = range.start.is_none_or(|start| at >= start)
                    && range.end.is_none_or(|end| at <= end);
                let in_tables = used.contains_key(&(quarter / 4));
                let of_gaps = gaps.iter().filter(|gap| {
                    gap.start.is_none_or(|start| at >= start)
                        && gap
                            .end
                            .is_none_or(|end| at < end || (gap.includes_end && at == end))
                });
                let times = usize::from(in_tables) + of_gaps.count();
                assert_eq!(times, usize::from(in_range), "{range:?} {at}");
            }
            gaps
        };
        told(range(None, None));
        told(range(Some(2.0 * hour), Some(4.0 * hour)));
        let cut = told(range(Some(2.5 * hour), Some(5.5 * hour)));
        let unchanging = cut.iter().map(|gap| gap.unchanging.map(|(hour, _)| hour));
        assert_eq!(unchanging.collect::<Vec<_>>(), [Some(2), None, Some(5)]);
        told(range(Some(2.25 * hour), Some(2.75 * hour)));
        told(range(Some(7.0 * hour), None));
        told(range(None, Some(1.0)));
    }
}
