//! Events of something, as a question to an index.

use bson::{Bson, Document, doc};
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{Category, Hash};

use crate::graph::read::lookup::hex;
use crate::mongo::find::Find;
use crate::mongo::indexes::{EVENT_BENIGN, EVENT_MALICIOUS, EVENT_REF};
use crate::visible::Visible;

/// Where events refer to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Within {
    /// In `_ref`.
    All,
    /// In `_mal_ref`.
    Malicious,
    /// In `_ben_ref`.
    Benign,
    /// In both of these.
    Both,
}

/// What a timeline is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    subjects: Vec<Hash>,
    within: Within,
    category: Option<Category>,
}

/// The events that are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    /// What they refer to, each to one of these at least.
    pub subjects: Vec<Hash>,
    pub within: Within,
    pub category: Option<Category>,
    pub range: TimeRange,
    pub orgs: Vec<&'a str>,
    /// Of events in both contexts: whether those in malicious context are fewer.
    pub by_malicious: bool,
}

impl<'a> Wanted<'a> {
    /// What meets the conditions but for their context.
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

    /// Where the context is one that an index knows.
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

    /// What the index reads key by key to find them: no fewer, and the same where nothing is left out.
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

    /// The same of other organisations.
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

    /// All of them, in no order.
    pub(crate) fn find(&self) -> Find {
        self.find_at(range(&self.range))
    }

    /// Those at these times, whatever the range.
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

/// One of these, as a condition on a field. The server counts and lists an event once, however many it has of them.
pub(crate) fn any_of(hashes: &[Hash]) -> Bson {
    match hashes {
        [one] => one.to_string().into(),
        _ => doc! {"$in": hex(hashes)}.into(),
    }
}

/// A range as a condition on a field.
pub(crate) fn range(of: &TimeRange) -> Document {
    within(Document::new(), of)
}

/// Both conditions on a field.
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
