//! The number of events, with the times of the first and the last, in one pass over the index.

use std::iter::Sum;

use bson::{Bson, Document, doc};
use mongodb::options::Hint;
use serde::Deserialize;

use crate::error::StoreError;
use crate::graph::read::seen::Seen;
use crate::mongo::collection::Documents;
use crate::mongo::find::{Find, MAX_TIME};

/// A number of events, and the times of the first and the last of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EventTally {
    /// The number of events.
    pub events: u64,
    /// Their first and last time, if there are any.
    pub seen: Option<Seen>,
}

impl EventTally {
    /// Counts events at these times.
    pub(crate) fn of_times(times: &[f64]) -> Self {
        let first = times.iter().copied().min_by(f64::total_cmp);
        let last = times.iter().copied().max_by(f64::total_cmp);
        Self {
            events: times.len() as u64,
            seen: first.zip(last).map(|(first, last)| Seen { first, last }),
        }
    }

    /// Returns the tally of the events of both. No event may be in both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            events: self.events + other.events,
            seen: match (self.seen, other.seen) {
                (Some(a), Some(b)) => Some(Seen {
                    first: a.first.min(b.first),
                    last: a.last.max(b.last),
                }),
                (a, b) => a.or(b),
            },
        }
    }
}

impl Sum for EventTally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), Self::and)
    }
}

/// A group of events, as the server counts them.
#[derive(Debug, Deserialize)]
pub(crate) struct Group {
    /// The value by which events are grouped.
    #[serde(rename = "_id")]
    pub of: Option<f64>,
    n: i64,
    first: Option<f64>,
    last: Option<f64>,
}

impl Group {
    pub(crate) fn tally(&self) -> EventTally {
        let seen = self.first.zip(self.last);
        EventTally {
            events: u64::try_from(self.n).unwrap_or(0),
            seen: seen.map(|(first, last)| Seen { first, last }),
        }
    }
}

/// Returns the stage that counts events by the value of an expression, as [`Group`]s.
pub(crate) fn grouped(by: impl Into<Bson>) -> Document {
    // a damaged event may have another time than a number
    let time = doc! {"$cond": [{"$isNumber": "$timestamp"}, "$timestamp", null]};
    doc! {"$group": {
        "_id": by.into(), "n": {"$sum": 1_i64}, "first": {"$min": &time}, "last": {"$max": &time},
    }}
}

/// Returns the pipeline of [`tally`].
pub(crate) fn pipeline(find: &Find) -> Vec<Document> {
    vec![doc! {"$match": &find.filter}, grouped(Bson::Null)]
}

/// Counts the events that are found, be they ever so many.
pub(crate) async fn tally(coll: &Documents, find: &Find) -> Result<EventTally, StoreError> {
    let groups = groups(coll, find.doing, pipeline(find), find.hint).await?;
    Ok(groups.iter().map(Group::tally).sum())
}

/// Reads groups, with the index of this name.
pub(crate) async fn groups(
    coll: &Documents,
    doing: &'static str,
    pipeline: Vec<Document>,
    hint: &'static str,
) -> Result<Vec<Group>, StoreError> {
    let counted = coll.named(doing).aggregate(pipeline);
    let counted = counted.with(|aggregate| {
        aggregate
            .hint(Hint::Name(hint.to_owned()))
            .max_time(MAX_TIME)
    });
    counted.rows().await?.read().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_add_up() {
        let of = |events, first, last| EventTally {
            events,
            seen: Some(Seen { first, last }),
        };
        let none = EventTally::default();
        assert_eq!(EventTally::of_times(&[]), none);
        assert_eq!(EventTally::of_times(&[4.0, 9.0, -1.0]), of(3, -1.0, 9.0));
        assert_eq!(none.and(none), none);
        assert_eq!(none.and(of(2, 5.0, 7.0)), of(2, 5.0, 7.0));
        let all = [of(2, 5.0, 7.0), none, of(1, 3.0, 3.0), of(4, 6.0, 9.0)];
        assert_eq!(all.into_iter().sum::<EventTally>(), of(7, 3.0, 9.0));
    }
}
