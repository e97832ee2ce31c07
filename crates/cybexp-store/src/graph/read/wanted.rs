//! A selection of events, as a query to an index.

use bson::{Bson, Document, doc};
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{Category, Hash};

use crate::graph::read::hex::hex;
use crate::mongo::find::Find;
use crate::mongo::indexes::{EVENT_BENIGN, EVENT_MALICIOUS, EVENT_REF};
use crate::visible::Visible;

/// The field in which events refer to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Within {
    /// In `_ref`.
    All,
    /// In `_mal_ref`.
    Malicious,
    /// In `_ben_ref`.
    Benign,
    /// In both `_mal_ref` and `_ben_ref`.
    Both,
}

/// Key that identifies a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    subjects: Vec<Hash>,
    within: Within,
    category: Option<Category>,
}

/// A selection of events.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    /// The subjects; an event refers to at least one of them.
    pub subjects: Vec<Hash>,
    pub within: Within,
    pub category: Option<Category>,
    pub range: TimeRange,
    pub orgs: Vec<&'a str>,
    /// For events in both contexts: whether fewer of them are in malicious context.
    pub by_malicious: bool,
}

impl<'a> Wanted<'a> {
    /// Selects the events that meet the conditions other than that on the context.
    pub(crate) fn new(of: &Conditions, within: Within, visible: &'a Visible) -> Self {
        Self {
            subjects: of.subjects.clone(),
            within,
            category: of.category,
            range: of.range,
            orgs: visible.orgs(),
            by_malicious: false,
        }
    }

    /// Selects the events that meet the conditions, if an index knows the context.
    pub(crate) fn of(of: &Conditions, visible: &'a Visible) -> Option<Self> {
        let within = match of.context {
            Context::All => Within::All,
            Context::Malicious => Within::Malicious,
            Context::Benign => Within::Benign,
            Context::Unknown => return None,
        };
        Some(Self::new(of, within, visible))
    }

    pub(crate) fn key(&self) -> Key {
        Key {
            subjects: self.subjects.clone(),
            within: self.within,
            category: self.category,
        }
    }

    /// Returns the selection of all index keys that are read to find the events. It is the same selection unless some
    /// keys are skipped.
    pub(crate) fn scanned(&self) -> Self {
        let within = match self.within {
            Within::Both if self.by_malicious => Within::Malicious,
            Within::Both => Within::Benign,
            other => other,
        };
        Self {
            within,
            category: None,
            ..self.clone()
        }
    }

    /// Returns the same selection, in other organisations.
    pub(crate) fn among<'b>(&self, orgs: &[&'b str]) -> Wanted<'b> {
        Wanted {
            subjects: self.subjects.clone(),
            within: self.within,
            category: self.category,
            range: self.range,
            orgs: orgs.to_vec(),
            by_malicious: self.by_malicious,
        }
    }

    /// Finds all of these events, in no order.
    pub(crate) fn find(&self) -> Find {
        self.find_at(range(&self.range))
    }

    /// Finds those of these events at these times. The query's range is ignored.
    pub(crate) fn find_at(&self, times: Document) -> Find {
        let subject = any_of(&self.subjects);
        let mut filter = doc! {"itype": "event"};
        let index = match self.within {
            Within::All => ("_ref", EVENT_REF),
            Within::Malicious => ("_mal_ref", EVENT_MALICIOUS),
            Within::Benign => ("_ben_ref", EVENT_BENIGN),
            Within::Both if self.by_malicious => ("_mal_ref", EVENT_MALICIOUS),
            Within::Both => ("_ben_ref", EVENT_BENIGN),
        };
        if self.within == Within::Both {
            let other = if self.by_malicious {
                "_ben_ref"
            } else {
                "_mal_ref"
            };
            filter.insert(other, subject.clone());
        }
        filter.insert(index.0, subject);
        filter.insert("orgid", doc! {"$in": &self.orgs});
        if !times.is_empty() {
            filter.insert("timestamp", times);
        }
        if let Some(category) = self.category {
            filter.insert("category", category.as_str());
        }
        Find::new("reading the events of a query", index.1, filter)
    }
}

/// Makes a condition on a field: it holds one of these hashes. The server counts and lists an event once, even if it
/// holds several.
pub(crate) fn any_of(hashes: &[Hash]) -> Bson {
    match hashes {
        [one] => one.to_string().into(),
        _ => doc! {"$in": hex(hashes)}.into(),
    }
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
