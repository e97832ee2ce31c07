//! Events over time as columns, by category. No input, no output.

use std::fmt::Write as _;

use chrono::DateTime;
use maud::{Markup, html};
use serde_json::Value;

use crate::view::family::category_class;
use crate::view::number::{counted, grouped};

/// The categories, from the foot of a column to its top.
const CATEGORIES: [&str; 3] = ["malicious", "benign", "unknown"];
/// The most columns of a picture; with more times than this, several share one.
const COLUMNS: usize = 160;
/// The fewest columns for which a picture has room, so that a single hour is no wall.
const FEWEST: usize = 12;
/// The most lines of the table beside the picture.
const LINES: usize = 40;
const HEIGHT: f64 = 100.0;

/// The numbers of events over time.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// The length of a bucket: `hour`, `day` or `week`.
    by: String,
    /// The buckets that have events, oldest first: start, end, and events by category.
    buckets: Vec<(f64, f64, [u64; 3])>,
}

impl Timeline {
    /// Reads the data of a timeline report. Events without a time, which stand at 1970, are left out.
    pub(crate) fn read(data: &Value) -> Self {
        let buckets = data["buckets"].as_array().into_iter().flatten();
        let buckets = buckets.filter_map(|bucket| {
            let events = CATEGORIES.map(|name| bucket[name].as_u64().unwrap_or_default());
            let (start, end) = (bucket["start"].as_f64()?, bucket["end"].as_f64()?);
            (start > 0.0 && end > start).then_some((start, end, events))
        });
        Self {
            by: data["by"].as_str().unwrap_or("day").to_owned(),
            buckets: buckets.collect(),
        }
    }

    /// Returns true if no event has a time.
    pub(crate) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Says in words what the picture shows.
    fn told(&self) -> String {
        let (Some(first), Some(last)) = (self.buckets.first(), self.buckets.last()) else {
            return "no events".to_owned();
        };
        let all: u64 = self.buckets.iter().flat_map(|bucket| bucket.2).sum();
        let mut told = counted(all, "event", "events");
        // of equal ones the first, as a person would name it
        let most = self.buckets.iter().rev();
        let most = most.max_by_key(|(_, _, events)| events.iter().sum::<u64>());
        if let Some((start, _, events)) = most {
            let (by, events) = (&self.by, grouped(events.iter().sum()));
            let _ = write!(
                told,
                " from {} to {}, the most in the {by} of {}: {events}",
                self.label(first.0),
                self.label(last.0),
                self.label(*start),
            );
        }
        told
    }

    fn label(&self, at: f64) -> String {
        let form = if self.by == "hour" {
            "%Y-%m-%d %H:%M"
        } else {
            "%Y-%m-%d"
        };
        let at = DateTime::from_timestamp(at as i64, 0);
        at.map_or_else(String::new, |at| at.format(form).to_string())
    }

    /// Returns the columns, empty ones included.
    fn columns(&self) -> Vec<[u64; 3]> {
        let (Some(first), Some(last)) = (self.buckets.first(), self.buckets.last()) else {
            return Vec::new();
        };
        let span = last.1 - first.0;
        let steps = (span / (first.1 - first.0)).round() as usize;
        let slots = steps.clamp(1, COLUMNS);
        let mut columns = vec![[0_u64; 3]; slots];
        for (start, end, events) in &self.buckets {
            let middle = (start + end) / 2.0;
            let slot = ((middle - first.0) / span * slots as f64) as usize;
            for (sum, events) in columns[slot.min(slots - 1)].iter_mut().zip(events) {
                *sum += events;
            }
        }
        columns
    }
}

/// Draws the numbers as columns, with their ends, their greatest column, and the newest numbers as a table.
pub(crate) fn timeline(timeline: &Timeline) -> Markup {
    let columns = timeline.columns();
    let most = columns.iter().map(|column| column.iter().sum::<u64>());
    let most = most.max().unwrap_or_default().max(1);
    let room = columns.len().max(FEWEST);
    let ends = timeline.buckets.first().zip(timeline.buckets.last());
    let told = timeline.told();
    html! {
        p.scale { span.n { (grouped(most)) } }
        svg.columns-picture role="img" aria-label=(told) viewBox=(format!("0 0 {} {HEIGHT}", room * 10)) preserveAspectRatio="none" {
            title { (told) }
            @for (n, category) in CATEGORIES.iter().enumerate() {
                path.(category_class(category)) d=(layer(&columns, n, most)) {}
            }
        }
        @if let Some((first, last)) = ends {
            p.scale {
                span { (timeline.label(first.0)) }
                @if timeline.buckets.len() > 1 { span { (timeline.label(last.0)) } }
            }
        }
        (table(timeline))
    }
}

/// Writes one category's part of all columns as one path.
fn layer(columns: &[[u64; 3]], category: usize, most: u64) -> String {
    let height = |events: u64| events as f64 / most as f64 * HEIGHT;
    let mut path = String::new();
    for (n, events) in columns
        .iter()
        .enumerate()
        .filter(|(_, all)| all[category] > 0)
    {
        let below = HEIGHT - height(events[..category].iter().sum());
        // whatever happened can be seen
        let tall = height(events[category]).max(1.5);
        // writing to a String never fails
        let _ = write!(path, "M{} {below:.1}v-{tall:.1}h8v{tall:.1}z", n * 10 + 1);
    }
    path
}

fn table(timeline: &Timeline) -> Markup {
    let left_out = timeline.buckets.len().saturating_sub(LINES);
    html! {
        details {
            summary { "The numbers" }
            div.scroll tabindex="0" role="group" aria-label="The numbers" {
                table {
                    thead { tr { th { (timeline.by) } @for name in CATEGORIES { th.n { (name) } } } }
                    tbody {
                        @for (start, _, events) in timeline.buckets.iter().rev().take(LINES) {
                            tr { td { (timeline.label(*start)) } @for number in events { td.n { (grouped(*number)) } } }
                        }
                    }
                }
            }
            @if left_out > 0 { p.note { (counted(left_out as u64, "earlier line is", "earlier lines are")) " left out here." } }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn days(events: &[(u64, u64)]) -> Timeline {
        let day = 86_400;
        let buckets = events.iter().map(|(n, malicious)| {
            json!({"start": n * day, "end": (n + 1) * day, "malicious": malicious, "benign": 0, "unknown": 1})
        });
        Timeline::read(&json!({"by": "day", "buckets": buckets.collect::<Vec<_>>()}))
    }

    #[test]
    fn each_day_has_its_place() {
        let shown = days(&[(0, 9), (20_000, 3), (20_002, 1)]);
        assert_eq!(shown.columns(), [[3, 0, 1], [0, 0, 0], [1, 0, 1]]);
        assert_eq!(
            shown.told(),
            "6 events from 2024-10-04 to 2024-10-06, the most in the day of 2024-10-04: 4"
        );
        let svg = timeline(&shown).into_string();
        assert!(svg.contains("M1 100.0v-75.0h8v75.0z"), "{svg}");
        assert!(svg.contains("M1 25.0v-25.0h8v25.0z"), "{svg}");
    }

    #[test]
    fn years_of_days_fit() {
        let many: Vec<(u64, u64)> = (10_000..20_000).map(|n| (n, 2)).collect();
        let shown = days(&many);
        let columns = shown.columns();
        assert_eq!(columns.len(), COLUMNS);
        assert_eq!(columns.iter().map(|column| column[0]).sum::<u64>(), 20_000);
        assert!(timeline(&shown).into_string().len() < 20_000);
        assert!(Timeline::read(&json!({"buckets": [{"start": 5.0, "end": 1.0}, 7]})).is_empty());
    }
}
