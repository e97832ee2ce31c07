//! The objects of a submission, by what they say of each other.

use std::collections::{BTreeSet, HashMap, HashSet};

use tahoe_core::Value;

use super::observable::{self, texts};

/// The most names of threats that are told of one indicator.
const NAMES: usize = 20;

/// Types of objects that are bad in themselves: what is related to one of them is, too.
const THREATS: [&str; 9] = [
    "attack-pattern",
    "campaign",
    "infrastructure",
    "intrusion-set",
    "malware",
    "malware-analysis",
    "threat-actor",
    "tool",
    "vulnerability",
];

/// Objects by id, and their relations. Of several versions of an object the latest is told.
#[derive(Debug, Default)]
pub(super) struct ObjectGraph<'a> {
    pub(super) known: HashMap<&'a str, &'a Value>,
    /// The names of the threats that an indicator indicates, as `malware="Emotet"`.
    indicated: HashMap<&'a str, Vec<String>>,
    /// The indicators that observed data is a sighting of, or is the base of.
    matched: HashMap<&'a str, BTreeSet<&'a str>>,
    /// Observed data that is a sighting of a threat.
    sighted: HashSet<&'a str>,
    /// Observables that a threat uses.
    used: HashSet<&'a str>,
    /// Observables that other objects tell of.
    told: HashSet<&'a str>,
}

impl<'a> ObjectGraph<'a> {
    pub(super) fn of(objects: &[&'a Value]) -> Self {
        let mut graph = Self::default();
        for object in objects {
            let Some(id) = text(object, "id") else {
                continue;
            };
            let known = graph.known.entry(id).or_insert(object);
            if text(object, "modified") > text(known, "modified") {
                *known = object;
            }
        }
        for object in objects {
            if graph.is_latest(object) {
                graph.relate(object);
            }
        }
        graph
    }

    /// Whether there is no later version of the object.
    pub(super) fn is_latest(&self, object: &Value) -> bool {
        let known = text(object, "id").and_then(|id| self.known.get(id));
        known.is_none_or(|known| std::ptr::eq(*known, object))
    }

    fn relate(&mut self, object: &'a Value) {
        if is_revoked(object) {
            return;
        }
        let kind = text(object, "type").unwrap_or_default();
        match kind {
            "relationship" => {
                let ends = text(object, "source_ref").zip(text(object, "target_ref"));
                if let Some((from, to)) = ends {
                    let how = text(object, "relationship_type").unwrap_or_default();
                    self.related(from, how, to);
                }
            }
            "sighting" => {
                let of = text(object, "sighting_of_ref").unwrap_or_default();
                for observed in texts(object.get("observed_data_refs")) {
                    match type_of(of) {
                        "indicator" => drop(self.matched.entry(observed).or_default().insert(of)),
                        kind if THREATS.contains(&kind) => drop(self.sighted.insert(observed)),
                        _ => {}
                    }
                }
            }
            "observed-data" => self.told.extend(texts(object.get("object_refs"))),
            "malware" | "malware-analysis" => {
                let samples = ["sample_refs", "sample_ref"].map(|field| texts(object.get(field)));
                self.used.extend(samples.into_iter().flatten());
            }
            kind if observable::is_one(kind) => self.told.extend(observable::references(object)),
            _ => {}
        }
    }

    fn related(&mut self, from: &'a str, how: &str, to: &'a str) {
        match (type_of(from), how, type_of(to)) {
            ("indicator", "based-on", "observed-data") => {
                self.matched.entry(to).or_default().insert(from);
            }
            // the observable of an indicator
            ("indicator", "based-on" | "related-to", kind) if observable::is_one(kind) => {
                self.told.insert(to);
            }
            ("indicator", "indicates", threat) => {
                let name = self.known.get(to).and_then(|object| text(object, "name"));
                let names = self.indicated.entry(from).or_default();
                if names.len() < NAMES {
                    let name: String = name.unwrap_or(to).chars().take(200).collect();
                    names.push(format!("{threat}=\"{name}\""));
                }
            }
            // what a threat is aimed at is not bad
            (_, "targets" | "impersonates", _) => {}
            (threat, _, kind) if observable::is_one(kind) && THREATS.contains(&threat) => {
                self.used.insert(to);
            }
            _ => {}
        }
    }

    /// Returns the threats that an indicator indicates.
    pub(super) fn indicated(&self, id: &str) -> &[String] {
        self.indicated.get(id).map_or(&[], Vec::as_slice)
    }

    /// Returns the indicators that observed data matches.
    pub(super) fn matched(&self, id: &str) -> impl Iterator<Item = &'a str> {
        self.matched.get(id).into_iter().flatten().copied()
    }

    /// Whether observed data is a sighting of a threat.
    pub(super) fn is_sighted(&self, id: &str) -> bool {
        self.sighted.contains(id)
    }

    /// Whether a threat uses an observable.
    pub(super) fn is_used(&self, id: &str) -> bool {
        self.used.contains(id)
    }

    /// Whether an observable is told of with another object.
    pub(super) fn is_told(&self, id: &str) -> bool {
        self.told.contains(id)
    }
}

/// Whether an object says that it is no longer valid.
pub(super) fn is_revoked(object: &Value) -> bool {
    object.get("revoked") == Some(&Value::Bool(true))
}

/// Returns the type in an id.
fn type_of(id: &str) -> &str {
    id.split_once("--").map_or("", |(kind, _)| kind)
}

pub(super) fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}
