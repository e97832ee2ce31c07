//! The documents of a related report, read: events, sessions and attributes by hash. No input, no output.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::subject::{Subject, attribute};

/// An attribute of the report.
#[derive(Debug, Clone)]
pub(crate) struct AttributeDoc {
    pub(crate) hash: String,
    pub(crate) sub_type: String,
    pub(crate) data: Value,
}

/// An event or a session of the report.
#[derive(Debug, Clone)]
pub(crate) struct Composite {
    pub(crate) hash: String,
    pub(crate) sub_type: String,
    pub(crate) data: Value,
    /// All that it refers to.
    pub(crate) refs: BTreeSet<String>,
    pub(crate) malicious: BTreeSet<String>,
    pub(crate) benign: BTreeSet<String>,
    /// The time of an event, or the start of a session.
    pub(crate) at: Option<f64>,
    /// The end of a session.
    pub(crate) end: Option<f64>,
    /// The category of an event.
    pub(crate) category: String,
    pub(crate) orgid: String,
}

/// A page of a related report.
#[derive(Debug, Default)]
pub(crate) struct Related {
    pub(crate) total: Option<u64>,
    pub(crate) more: bool,
    /// True if there is more than the report could hold.
    pub(crate) cut: bool,
    /// The hashes of the value that was asked for, in all its forms.
    pub(crate) subjects: BTreeSet<String>,
    /// The value that was asked for, as the archive has it.
    pub(crate) about: Vec<AttributeDoc>,
    /// The hashes of other values whose events were added.
    pub(crate) expanded: BTreeSet<String>,
    /// The hashes of the events of this page; the others were reached over sessions.
    pub(crate) own: BTreeSet<String>,
    /// Newest first.
    pub(crate) events: Vec<Composite>,
    pub(crate) sessions: Vec<Composite>,
    pub(crate) attributes: BTreeMap<String, AttributeDoc>,
}

impl Related {
    /// Reads the report about a subject.
    pub(crate) fn read(subject: &Subject, report: &Value) -> Self {
        let mut related = Self {
            total: report["total"].as_u64(),
            more: report["more"].as_bool() == Some(true),
            cut: report["cut"].as_bool() == Some(true),
            own: list(&report["events"])
                .filter_map(|event| event["_hash"].as_str().map(str::to_owned))
                .collect(),
            ..Self::default()
        };
        related.add_documents(report);
        related.find_subjects(subject, report);
        related
    }

    /// Adds the documents of a report about another value that is expanded.
    pub(crate) fn expand(&mut self, hash: &str, report: &Value) {
        self.cut |= report["cut"].as_bool() == Some(true);
        self.expanded.insert(hash.to_owned());
        self.add_documents(report);
        let mut seen = BTreeSet::new();
        self.events.retain(|event| seen.insert(event.hash.clone()));
        self.sessions.retain(|one| seen.insert(one.hash.clone()));
    }

    fn add_documents(&mut self, report: &Value) {
        for document in list(&report["data"]) {
            match document["itype"].as_str() {
                Some("event") => self.events.extend(composite(document, "timestamp")),
                Some("session") => self.sessions.extend(composite(document, "start_time")),
                Some("attribute") => {
                    if let Some(one) = attribute_doc(document) {
                        self.attributes.insert(one.hash.clone(), one);
                    }
                }
                _ => {}
            }
        }
    }

    fn find_subjects(&mut self, subject: &Subject, report: &Value) {
        match subject {
            Subject::Hash(hash) => {
                self.subjects.insert(hash.clone());
                self.about.extend(self.attributes.get(hash).cloned());
            }
            Subject::Value { sub_type, data } => {
                for form in list(&report["about"]) {
                    let name = form["sub_type"].as_str().unwrap_or_default();
                    self.about.extend(made(name, &form["data"]));
                }
                if self.about.is_empty() {
                    self.about
                        .extend(made(sub_type, &Value::from(data.clone())));
                }
                self.subjects = self.about.iter().map(|one| one.hash.clone()).collect();
            }
        }
    }

    /// Returns the attributes that an event or session refers to.
    pub(crate) fn attributes_of<'a>(
        &'a self,
        composite: &'a Composite,
    ) -> impl Iterator<Item = &'a AttributeDoc> {
        let refs = composite.refs.iter();
        refs.filter_map(|hash| self.attributes.get(hash))
    }

    /// Returns each value but the one that was asked for, with the number of events that hold it, and of those that hold it
    /// in malicious context.
    pub(crate) fn seen(&self) -> Vec<(&AttributeDoc, u64, u64)> {
        let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for session in &self.sessions {
            for one in self.attributes_of(session) {
                counts.entry(&one.hash).or_default();
            }
        }
        for event in &self.events {
            for one in self.attributes_of(event) {
                let count = counts.entry(&one.hash).or_default();
                count.0 += 1;
                count.1 += u64::from(event.malicious.contains(&one.hash));
            }
        }
        let others = counts
            .into_iter()
            .filter(|(hash, _)| !self.subjects.contains(*hash));
        others
            .filter_map(|(hash, (events, malicious))| {
                Some((self.attributes.get(hash)?, events, malicious))
            })
            .collect()
    }

    /// Returns the sessions that hold the event.
    pub(crate) fn sessions_of<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a Composite> {
        let sessions = self.sessions.iter();
        sessions.filter(move |session| session.refs.contains(event))
    }
}

impl Composite {
    /// Returns the context in which it refers to an instance: malicious, benign or unknown.
    pub(crate) fn context_of(&self, hash: &str) -> &'static str {
        match () {
            () if self.malicious.contains(hash) => "malicious",
            () if self.benign.contains(hash) => "benign",
            () => "unknown",
        }
    }

    /// Returns the first value under this path of names.
    pub(crate) fn first(&self, path: &[&str]) -> Option<&Value> {
        path.iter()
            .try_fold(&self.data, |at, name| at.get(name)?.get(0))
    }

    /// Returns the first text or number under this path of names, as a text.
    pub(crate) fn text(&self, path: &[&str]) -> Option<String> {
        self.first(path).map(scalar)
    }
}

/// Writes a value of an attribute as people read it.
pub(crate) fn scalar(data: &Value) -> String {
    match data {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn hashes(value: &Value) -> BTreeSet<String> {
    let texts = list(value).filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn attribute_doc(document: &Value) -> Option<AttributeDoc> {
    Some(AttributeDoc {
        hash: document["_hash"].as_str()?.to_owned(),
        sub_type: document["sub_type"].as_str()?.to_owned(),
        data: document["data"].clone(),
    })
}

fn made(sub_type: &str, data: &Value) -> Option<AttributeDoc> {
    Some(AttributeDoc {
        hash: attribute(sub_type, data)?.hash().to_string(),
        sub_type: sub_type.to_owned(),
        data: data.clone(),
    })
}

fn composite(document: &Value, time: &str) -> Option<Composite> {
    let text = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
    Some(Composite {
        hash: document["_hash"].as_str()?.to_owned(),
        sub_type: document["sub_type"].as_str()?.to_owned(),
        data: document["data"].clone(),
        refs: hashes(&document["_ref"]),
        malicious: hashes(&document["_mal_ref"]),
        benign: hashes(&document["_ben_ref"]),
        at: document[time].as_f64(),
        end: document["end_time"].as_f64(),
        category: text("category"),
        orgid: text("orgid"),
    })
}
