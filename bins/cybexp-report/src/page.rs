//! One page of an answer.

use std::collections::BTreeSet;

use cybexp_lists::KnownGood;
use cybexp_store::{CompositeRow, GivenVerdict, Seen};
use serde_json::{Map, Value, json};
use tahoe_core::question::QueryType;
use tahoe_core::{Attribute, Hash};

/// The longest value that is repeated in an answer, in bytes.
const REPEATED_BYTES: usize = 1024;

/// One page of an answer.
#[derive(Debug, Clone)]
pub struct ReportPage {
    /// The type of the question.
    pub qtype: QueryType,
    /// The data of the answer.
    pub data: Value,
    /// The number of the page, from 1.
    pub current: i64,
    /// The number of the next page; 1 after the last.
    pub next: i64,
    /// Fields of the report that the Python system does not have.
    pub beside: Map<String, Value>,
    /// The time at which the answer was made, in Unix seconds, if it was remembered.
    pub begun: Option<f64>,
    /// The fingerprint of the organisations whose events the answer was made of.
    pub orgs: Option<Hash>,
}

impl ReportPage {
    /// Makes the page of a report that has only one.
    pub(crate) fn only(qtype: QueryType, data: Value) -> Self {
        Self {
            qtype,
            data,
            current: 1,
            next: 1,
            beside: Map::new(),
            begun: None,
            orgs: None,
        }
    }

    fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.beside.insert(field.to_owned(), value.into());
        self
    }

    /// Adds the forms of the value that were looked for.
    pub(crate) fn about(self, about: &[Attribute]) -> Self {
        let short = |attribute: &&Attribute| {
            let text = attribute.data().as_str();
            text.is_none_or(|text| text.len() <= REPEATED_BYTES)
        };
        let told = about.iter().filter(short);
        let told: Vec<Value> = told
            .map(|a| json!({"sub_type": a.sub_type().as_str(), "data": Value::from(a.data())}))
            .collect();
        match told.is_empty() {
            true => self,
            false => self.with("about", told),
        }
    }

    /// Adds the names of the allow lists that hold a form of the value.
    pub(crate) fn known_good(self, forms: &[Attribute], lists: &KnownGood) -> Self {
        let names: BTreeSet<&str> = forms.iter().flat_map(|form| lists.find(form)).collect();
        match names.is_empty() {
            true => self,
            false => self.with("known_good", names.into_iter().collect::<Vec<_>>()),
        }
    }

    /// Adds the latest verdict of each organisation on the value.
    pub(crate) fn verdicts(self, given: &[GivenVerdict]) -> Self {
        let told = |one: &GivenVerdict| {
            json!({
                "orgid": one.orgid, "verdict": one.verdict, "reason": one.reason, "analyst": one.analyst,
                "timestamp": one.at,
            })
        };
        match given.is_empty() {
            true => self,
            false => self.with("verdicts", given.iter().map(told).collect::<Vec<_>>()),
        }
    }

    pub(crate) fn seen(self, seen: Option<Seen>) -> Self {
        match seen {
            Some(seen) => self
                .with("first_seen", seen.first)
                .with("last_seen", seen.last),
            None => self,
        }
    }

    pub(crate) fn total(self, total: Option<u64>) -> Self {
        match total {
            Some(total) => self.with("total", total),
            None => self,
        }
    }

    /// Adds the events of the page, newest first.
    pub(crate) fn events(self, events: &[CompositeRow]) -> Self {
        let told = |event: &CompositeRow| {
            let mut told = json!({
                "_hash": event.hash, "sub_type": event.sub_type, "timestamp": event.timestamp,
                "category": event.category, "orgid": event.orgid,
            });
            if let Some(tlp) = &event.tlp {
                told["tlp"] = tlp.as_str().into();
            }
            told
        };
        self.with("events", events.iter().map(told).collect::<Vec<_>>())
    }

    /// Adds the number of different values, the sum of their numbers, and whether these are exact.
    pub(crate) fn counted(self, distinct: u64, sum: u64, exact: bool) -> Self {
        self.with("distinct", distinct)
            .with("sum", sum)
            .with("exact", exact)
    }

    /// Adds the number of events that may be missing from the numbers, if there are any.
    pub(crate) fn left_out(self, events: u64) -> Self {
        match events {
            0 => self,
            events => self.with("left_out", events),
        }
    }

    /// Adds the place behind which the next page begins, if there is one.
    pub(crate) fn goes_on(mut self, after: Option<String>) -> Self {
        match after {
            Some(after) => {
                self.next = self.current + 1;
                self.with("after", after)
            }
            None => self,
        }
    }

    /// Marks the page if values may be missing, since the archive's list of them is being made.
    pub(crate) fn incomplete(self, incomplete: bool) -> Self {
        match incomplete {
            true => self.with("incomplete", true),
            false => self,
        }
    }

    /// Marks the page if there is more than it holds.
    pub(crate) fn cut(self, cut: bool) -> Self {
        match cut {
            true => self.with("cut", true),
            false => self,
        }
    }
}
