//! A selection of events, as a query to the index.

use bson::{Bson, Document, doc};
use tahoe_core::Hash;
use tahoe_core::question::Conditions;
use tahoe_core::time::TimeRange;

use crate::archive::ids::OrgTag;
use crate::archive::keys::{self, Kinds, LEAST_TIE, Nature};
use crate::mongo::find::Find;
use crate::mongo::indexes::EVENT_KEYS;
use crate::visible::Visible;

/// The most points of the index that the server merges in order. For more, it would sort all events.
pub(crate) const POINTS: usize = 200;

/// Key that identifies a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    subjects: Vec<Hash>,
    kinds: Kinds,
}

/// A selection of events.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    /// The subjects; an event refers to at least one of them.
    pub subjects: Vec<Hash>,
    /// The wanted combinations of nature, context and category.
    pub kinds: Kinds,
    pub range: TimeRange,
    pub orgs: Vec<&'a str>,
}

impl<'a> Wanted<'a> {
    /// Selects the events that meet the conditions.
    pub(crate) fn new(of: &Conditions, visible: &'a Visible) -> Self {
        let observed = Kinds::of(of.context, of.category);
        Self {
            subjects: of.subjects.clone(),
            kinds: match of.derived {
                true => observed
                    .and(observed.of_nature(Nature::Derived))
                    .and(observed.of_nature(Nature::Verdict)),
                false => observed,
            },
            range: of.range,
            orgs: visible.orgs(),
        }
    }

    pub(crate) fn key(&self) -> Key {
        Key {
            subjects: self.subjects.clone(),
            kinds: self.kinds,
        }
    }

    /// Returns the same selection, in other organisations.
    pub(crate) fn among<'b>(&self, orgs: &[&'b str]) -> Wanted<'b> {
        Wanted {
            subjects: self.subjects.clone(),
            kinds: self.kinds,
            range: self.range,
            orgs: orgs.to_vec(),
        }
    }

    /// Cuts the selection into parts that can each be read in order of time. An event belongs to one of them.
    pub(crate) fn parts(&self) -> Vec<Self> {
        let points = self.subjects.len() * self.kinds.count();
        let orgs = (POINTS / points.max(1)).max(1);
        self.orgs
            .chunks(orgs)
            .map(|orgs| self.among(orgs))
            .collect()
    }

    /// Finds all of these events, in no order.
    pub(crate) fn find(&self) -> Find {
        self.find_at(range(&self.range))
    }

    /// Finds those of these events at these times. The query's range is ignored.
    pub(crate) fn find_at(&self, times: Document) -> Find {
        let mut filter = doc! {
            "_keys": {"$in": points(&self.subjects, &self.orgs, self.kinds)},
            "_tie": {"$gte": LEAST_TIE},
        };
        if !times.is_empty() {
            filter.insert("timestamp", times);
        }
        Find::new("reading the events of a query", EVENT_KEYS, filter)
    }
}

/// Returns the elements of all references of these organisations to these hashes that are of one of these kinds.
pub(crate) fn points(subjects: &[Hash], orgs: &[&str], kinds: Kinds) -> Vec<Bson> {
    let mut points = Vec::with_capacity(subjects.len() * orgs.len() * kinds.count());
    for org in orgs.iter().map(|org| OrgTag::of(org)) {
        for subject in subjects {
            points.extend(keys::references(&org, *subject, kinds));
        }
    }
    points
}

/// Makes the order of pages: newest first, equal times by the beginning of the hash.
pub(crate) fn order() -> Document {
    doc! {"timestamp": -1, "_tie": 1}
}

/// Makes a condition on a field: it is within the range.
pub(crate) fn range(of: &TimeRange) -> Document {
    within(Document::new(), of)
}

/// Combines both conditions on a field.
pub(crate) fn within(mut times: Document, range: &TimeRange) -> Document {
    if let Some(start) = range.start {
        let from = times.get_f64("$gte").map_or(start, |from| from.max(start));
        times.insert("$gte", from);
    }
    if let Some(end) = range.end {
        times.insert("$lte", end);
    }
    times
}
