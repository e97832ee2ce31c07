//! One page of an answer.

use cybexp_store::{CompositeRow, Seen};
use serde_json::{Map, Value, json};
use tahoe_core::question::QueryType;
use tahoe_core::{Attribute, Hash};

/// Values longer than this are not repeated in an answer.
const REPEATED_BYTES: usize = 1024;

/// One page of an answer.
#[derive(Debug, Clone)]
pub struct Page {
    /// What was asked for.
    pub qtype: QueryType,
    /// The answer.
    pub data: Value,
    /// Its number, from 1.
    pub current: i64,
    /// The next one's; 1 after the last.
    pub next: i64,
    /// Fields of the report besides those that the Python system has.
    pub beside: Map<String, Value>,
    /// When it was made, in Unix seconds, where that was before it was asked for.
    pub begun: Option<f64>,
    /// The fingerprint of the organisations that it was made of.
    pub orgs: Option<Hash>,
}

impl Page {
    /// The one page of a report that has no more.
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

    /// The value as the archive has it, in all forms that were found.
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

    /// The events of the page, newest first.
    pub(crate) fn events(self, events: &[CompositeRow]) -> Self {
        let told = |event: &CompositeRow| {
            json!({
                "_hash": event.hash, "sub_type": event.sub_type, "timestamp": event.timestamp,
                "category": event.category, "orgid": event.orgid,
            })
        };
        self.with("events", events.iter().map(told).collect::<Vec<_>>())
    }

    /// Marks it where it does not hold all that there is.
    pub(crate) fn cut(self, cut: bool) -> Self {
        match cut {
            true => self.with("cut", true),
            false => self,
        }
    }
}
