//! Numbers of events by hour, day or week.
//!
//! The events of a hub are counted by its timeline, in hours of UTC. Only the hours that a day's beginning or an end of
//! the range cuts are counted by the index, part by part.

use std::collections::BTreeMap;

use bson::doc;
use futures::{StreamExt, TryStreamExt, stream};
use tahoe_core::question::Conditions;
use tahoe_core::time::Calendar;

use crate::error::StoreError;
use crate::graph::hours::{self, HOUR_S, Hours, Part};
use crate::graph::read::reader::GraphReader;
use crate::graph::read::wanted::{Wanted, within};
use crate::mongo::find::Find;
use crate::visible::Visible;

/// Parts of hours that are counted at once.
const COUNTERS: usize = 8;

/// The number of events in a step of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepCount {
    /// The beginning, in Unix seconds.
    pub start: f64,
    /// The end, which is the beginning of the next step.
    pub end: f64,
    /// The number of events; never 0.
    pub events: u64,
}

/// Numbers of events by the beginning of their step, with its end.
#[derive(Debug, Default)]
pub(crate) struct Histogram(BTreeMap<i64, (f64, u64)>);

/// A part of an hour, and the step to which it belongs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HourPart {
    pub hour: i64,
    /// The beginning of the part, and its end, which does not belong to it.
    pub times: (f64, f64),
    pub step: (f64, f64),
    /// The number of events if the rest of the hour had none.
    pub most: u64,
    /// Whether the hour ends with this part, and lies wholly in the range: then the part has what the others leave.
    pub is_rest: bool,
}

impl Histogram {
    fn add(&mut self, (start, end): (f64, f64), events: u64) {
        if events > 0 {
            self.0.entry(start as i64).or_insert((end, 0)).1 += events;
        }
    }

    /// Counts these times.
    pub(crate) fn of_times(times: impl IntoIterator<Item = f64>, steps: Calendar) -> Self {
        let mut all = Self::default();
        times
            .into_iter()
            .for_each(|at| all.add(steps.around(at), 1));
        all
    }

    /// Counts the events of whole hours, and returns the parts of the others.
    pub(crate) fn of_hours(
        hours: Hours,
        wanted: &Wanted<'_>,
        steps: Calendar,
    ) -> (Self, Vec<HourPart>) {
        let (mut all, mut parts) = (Self::default(), Vec::new());
        for (hour, events) in hours {
            let (begin, end) = (hour as f64 * HOUR_S, (hour + 1) as f64 * HOUR_S);
            let step = steps.around(begin);
            let whole = hours::part(&wanted.range, hour) == Part::All;
            if whole && step.1 >= end {
                all.add(step, events);
                continue;
            }
            let mut from = begin;
            while from < end {
                let step = steps.around(from);
                let to = step.1.min(end);
                parts.push(HourPart {
                    hour,
                    times: (from, to),
                    step,
                    most: events,
                    is_rest: whole && to >= end,
                });
                from = to;
            }
        }
        (all, parts)
    }

    /// Adds the numbers of events in parts of hours, given in their order.
    fn add_parts(&mut self, parts: &[HourPart], counted: &[u64]) {
        let mut before = (0, 0);
        for (part, counted) in parts.iter().zip(counted) {
            if before.0 != part.hour {
                before = (part.hour, 0);
            }
            let events = match part.is_rest {
                true => part.most.saturating_sub(before.1),
                false => *counted,
            };
            before.1 += events;
            self.add(part.step, events);
        }
    }

    /// Returns the steps that have events, oldest first.
    pub(crate) fn steps(self) -> Vec<StepCount> {
        let steps = self.0.into_iter();
        let steps = steps.map(|(start, (end, events))| StepCount {
            start: start as f64,
            end,
            events,
        });
        steps.collect()
    }
}

impl GraphReader {
    /// Counts the events that meet the conditions by the steps of a calendar, oldest first. The result is exact.
    pub async fn count_by_step(
        &self,
        of: &Conditions,
        visible: &Visible,
        steps: Calendar,
    ) -> Result<Vec<StepCount>, StoreError> {
        let wanted = Wanted::new(of, visible);
        if let Some(few) = self.few(&wanted).await? {
            return Ok(Histogram::of_times(few, steps).steps());
        }
        let hours = self.hours(&wanted).await?;
        let (mut all, parts) = Histogram::of_hours(hours, &wanted, steps);
        let counts = parts.iter().map(|part| {
            let find = (!part.is_rest).then(|| part_of_hour(&wanted, part));
            async move {
                match find {
                    Some(find) => find.count(&self.coll).await,
                    None => Ok(0),
                }
            }
        });
        let counts: Vec<_> = counts.collect();
        let counted: Vec<u64> = stream::iter(counts)
            .buffered(COUNTERS)
            .try_collect()
            .await?;
        all.add_parts(&parts, &counted);
        Ok(all.steps())
    }
}

/// Finds the wanted events of a part of an hour.
pub(crate) fn part_of_hour(wanted: &Wanted<'_>, part: &HourPart) -> Find {
    let (from, to) = part.times;
    let mut times = doc! {"$lt": to};
    // the first hour has all times before 1970
    if from > 0.0 {
        times.insert("$gte", from);
    }
    wanted.find_at(within(times, &wanted.range))
}
