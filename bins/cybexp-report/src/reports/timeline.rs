//! The `timeline` report: the numbers of events that meet the conditions, by hour, day or week and by category.
//!
//! Reads the numbers from the archive's counters, a category at a time; events of values that only sessions have are
//! counted through the sessions.

use std::collections::BTreeMap;

use cybexp_store::{Seen, StepCount};
use futures::future::try_join_all;
use serde_json::{Value, json};
use tahoe_core::Category;
use tahoe_core::question::{Conditions, QueryType, TimelineOf};
use tahoe_core::time::{Calendar, Step};

use crate::page::ReportPage;
use crate::sources::{Answered, Asked};
use crate::subject::{Elsewhere, Subject};

/// The most buckets of an answer, which are about 1 MB.
const BUCKETS: usize = 10_000;
const DAY_S: f64 = 86_400.0;
/// The longest times from the first event to the last for which events are counted by hour and by day, in seconds.
const HOURS_UP_TO_S: f64 = 4.0 * DAY_S;
const DAYS_UP_TO_S: f64 = 183.0 * DAY_S;
/// The categories, in the order of their numbers in a bucket.
const CATEGORIES: [Category; 3] = [Category::Malicious, Category::Benign, Category::Unknown];

/// The end of a bucket, and the number of its events of each category.
type Bucket = (f64, [u64; 3]);

/// Answers a timeline.
pub(crate) async fn answer(timeline: &TimelineOf, asked: Asked<'_>) -> Answered {
    let (archive, visible) = (&asked.sources.archive, asked.visible);
    let mut subject = match Subject::find(&timeline.conditions, asked).await? {
        Ok(subject) => subject,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut seen = None;
    if subject.sessions.is_none() {
        seen = archive.seen(&subject.of, visible).await?;
        if seen.is_none() {
            match subject.elsewhere(asked).await? {
                Elsewhere::Sessions(events) => subject.sessions = Some(events),
                Elsewhere::Unknown(reason) => return Ok(Err(reason)),
                Elsewhere::Nowhere => {}
            }
        }
    }
    if let Some(events) = &subject.sessions {
        seen = events.seen();
    }
    let steps = Calendar {
        step: timeline.by.unwrap_or_else(|| step_for(seen)),
        tz: timeline.tz,
    };
    let (buckets, mut cut) = count(&subject, steps, asked).await?;
    let total: u64 = buckets.values().flat_map(|(_, events)| events).sum();
    let left_out = buckets.len().saturating_sub(BUCKETS);
    cut |= left_out > 0;
    let told = buckets.into_iter().skip(left_out);
    let told = told.map(|(start, (end, [malicious, benign, unknown]))| {
        json!({
            "start": start as f64, "end": end,
            "malicious": malicious, "benign": benign, "unknown": unknown,
        })
    });
    let data = json!({
        "by": steps.step.as_str(),
        "tzname": steps.tz.name(),
        "buckets": told.collect::<Vec<Value>>(),
    });
    Ok(Ok(ReportPage::only(QueryType::Timeline, data)
        .total(Some(total))
        .seen(seen)
        .about(subject.told())
        .known_good(subject.told(), &asked.sources.known_good)
        .cut(cut)))
}

/// Counts the subject's events by step and category, and tells whether there may be more.
async fn count(
    subject: &Subject,
    steps: Calendar,
    asked: Asked<'_>,
) -> Result<(BTreeMap<i64, Bucket>, bool), cybexp_store::StoreError> {
    let (archive, visible) = (&asked.sources.archive, asked.visible);
    let wanted = |category: &Category| subject.of.category.is_none_or(|wanted| wanted == *category);
    let wanted = CATEGORIES
        .iter()
        .enumerate()
        .filter(|(_, category)| wanted(category));
    let counts = wanted.map(|(place, category)| async move {
        let of = Conditions {
            category: Some(*category),
            ..subject.of.clone()
        };
        let (steps, cut) = match &subject.sessions {
            None => (archive.count_by_step(&of, visible, steps).await?, false),
            Some(_) => match archive.session_events(&of, visible).await? {
                Some(events) => (events.by_step(steps), events.cut),
                None => (vec![], false),
            },
        };
        Ok((place, steps, cut))
    });
    let counts = try_join_all(counts).await?;
    let (mut buckets, mut any_cut): (BTreeMap<i64, Bucket>, bool) = Default::default();
    for (place, steps, cut) in counts {
        any_cut |= cut;
        for StepCount { start, end, events } in steps {
            let bucket = buckets.entry(start as i64).or_insert((end, [0; 3]));
            bucket.1[place] += events;
        }
    }
    Ok((buckets, any_cut))
}

/// Chooses the length of a bucket, so that there are some hundred at most for the time in which events were seen.
fn step_for(seen: Option<Seen>) -> Step {
    match seen.map_or(0.0, |seen| seen.last - seen.first) {
        span if span <= HOURS_UP_TO_S => Step::Hour,
        span if span <= DAYS_UP_TO_S => Step::Day,
        _ => Step::Week,
    }
}
