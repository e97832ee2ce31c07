//! Bundles of answers: attributes, events, sessions and verdicts, each object once.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};
use tahoe_core::Scalar;

use crate::ident::Uuid;
use crate::stix::creator::Creator;
use crate::stix::indicator::{Indicated, common, id_of, indicator, relationship};
use crate::stix::marking::{marking, marking_id};
use crate::stix::observable::{ATTRIBUTE_EXTENSION, Observable};
use crate::stix::observed::{Found, ObservedEvent, ObservedSession, observables};
use crate::text;
use crate::time;
use tahoe_core::Tlp;

/// A bundle that is being made. Objects that are added again are in it once.
#[derive(Debug)]
pub struct StixBundle {
    creator: Creator,
    tlp: Tlp,
    objects: Vec<Value>,
    places: HashMap<String, usize>,
}

impl StixBundle {
    /// Begins a bundle of an organisation, all of which has this label.
    pub fn new(creator: Creator, tlp: Tlp) -> Self {
        let mut bundle = Self {
            objects: Vec::new(),
            places: HashMap::new(),
            creator,
            tlp,
        };
        bundle.add(bundle.creator.identity());
        bundle.add(marking(tlp));
        bundle
    }

    /// Adds an object, and returns its id. One that is there takes the properties that it lacks.
    fn add(&mut self, object: Value) -> String {
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        match self.places.get(&id) {
            Some(place) => {
                if let (Value::Object(known), Value::Object(new)) =
                    (&mut self.objects[*place], object)
                {
                    for (name, value) in new {
                        known.entry(name).or_insert(value);
                    }
                }
            }
            None => {
                self.places.insert(id.clone(), self.objects.len());
                self.objects.push(object);
            }
        }
        id
    }

    /// Whether an object of this id is in the bundle.
    pub(crate) fn holds(&self, id: &str) -> bool {
        self.places.contains_key(id)
    }

    fn add_observable(&mut self, observable: &Observable) -> String {
        if observable.is_own() {
            self.add_extension();
        }
        self.add(observable.object())
    }

    /// Adds an attribute, and returns the id of its observable.
    pub fn add_attribute(&mut self, sub_type: &str, data: &Scalar) -> String {
        self.add_observable(&Observable::of(sub_type, data))
    }

    /// Adds an event as observed data, with an indicator and a sighting of each value that it shows in malicious context.
    /// Returns the id of the observed data; `None` if the event has no values.
    pub fn add_event(
        &mut self,
        event: &ObservedEvent<'_>,
        is_malicious: impl Fn(&str, &Scalar) -> bool,
    ) -> Option<String> {
        let found = observables(event.data);
        let times = (event.timestamp, event.timestamp);
        let id = self.observe(event.hash, times, &found)?;
        for Found { observable, of } in &found {
            let Some(pattern) = observable.pattern() else {
                continue;
            };
            if !of.iter().any(|(name, data)| is_malicious(name, data)) {
                continue;
            }
            let name = format!("{} in an event {}", observable.name(), event.sub_type);
            let told = Indicated {
                name: &name,
                description: "seen in malicious context",
                created: event.timestamp,
                modified: event.timestamp,
                valid_from: event.timestamp,
                tlp: self.tlp,
            };
            // the indicators of two events are two: they change apart
            let made_of = [event.hash, pattern];
            let made = id_of("indicator", &made_of, &self.creator);
            let indicator = self.add(indicator(&made, observable, &told, &self.creator));
            let based_on = (indicator.as_str(), "based-on", id.as_str());
            let made_of = [based_on.0, based_on.1, based_on.2];
            let made = id_of("relationship", &made_of, &self.creator);
            self.add(relationship(&made, based_on, &told, &self.creator));
            self.add_sighting(&indicator, &id, times);
        }
        Some(id)
    }

    fn add_sighting(&mut self, indicator: &str, observed: &str, (first, last): (f64, f64)) {
        let mut sighting = self.common("sighting", &[indicator, observed], first);
        sighting["sighting_of_ref"] = indicator.into();
        sighting["observed_data_refs"] = json!([observed]);
        sighting["where_sighted_refs"] = json!([self.creator.id()]);
        sighting["first_seen"] = time::millis(first).into();
        sighting["last_seen"] = time::millis(last).into();
        sighting["count"] = 1.into();
        self.add(sighting);
    }

    /// Adds observed data, if there are observables.
    fn observe(
        &mut self,
        hash: &str,
        (first, last): (f64, f64),
        found: &[Found],
    ) -> Option<String> {
        let refs: BTreeSet<String> = found
            .iter()
            .map(|found| self.add_observable(&found.observable))
            .collect();
        if refs.is_empty() {
            return None;
        }
        let mut observed = self.common("observed-data", &[hash], first);
        observed["first_observed"] = time::millis(first).into();
        observed["last_observed"] = time::millis(last.max(first)).into();
        observed["number_observed"] = 1.into();
        observed["object_refs"] = json!(refs);
        Some(self.add(observed))
    }

    /// Adds a session as a grouping of its events, which are given by the ids of their observed data.
    pub fn add_session(
        &mut self,
        session: &ObservedSession<'_>,
        events: &[String],
    ) -> Option<String> {
        let found = observables(session.data);
        let own = self.observe(session.hash, session.times, &found);
        let refs: BTreeSet<&String> = own.iter().chain(events).collect();
        if refs.is_empty() {
            return None;
        }
        let mut grouping = self.common("grouping", &[session.hash], session.times.0);
        let short: String = session.hash.chars().take(12).collect();
        grouping["name"] = text::comment(&format!("{} {short}", session.sub_type)).into();
        grouping["context"] = "suspicious-activity".into();
        grouping["object_refs"] = json!(refs);
        Some(self.add(grouping))
    }

    /// Adds the verdict of an analyst about an attribute as an opinion, which agrees or disagrees that it is malicious.
    /// `verdict` is `malicious`, `benign` or `false_positive`.
    pub fn add_verdict(
        &mut self,
        (sub_type, data): (&str, &Scalar),
        verdict: &str,
        reason: &str,
        at: f64,
    ) -> String {
        let observable = Observable::of(sub_type, data);
        self.add_observable(&observable);
        let opinion = match verdict {
            "malicious" => "strongly-agree",
            "benign" => "disagree",
            "false_positive" => "strongly-disagree",
            _ => "neutral",
        };
        let mut object = self.common("opinion", &[observable.id(), &at.to_string()], at);
        let reason = text::comment(reason);
        let explanation = match reason.is_empty() {
            true => verdict.replace('_', " "),
            false => format!("{}: {reason}", verdict.replace('_', " ")),
        };
        object["explanation"] = explanation.into();
        object["opinion"] = opinion.into();
        object["object_refs"] = json!([observable.id()]);
        self.add(object)
    }

    /// Adds the extension with which attributes of our own are written, and who defined it.
    fn add_extension(&mut self) {
        // the time of the extension's first version
        let author = Creator::new("CYBEX-P", 1_764_201_600.0);
        let since = time::millis(1_764_201_600.0);
        let extension = json!({
            "type": "extension-definition", "spec_version": "2.1", "id": ATTRIBUTE_EXTENSION,
            "created_by_ref": author.id(), "created": since, "modified": since,
            "name": "x-cybexp-attribute", "version": "1.0", "extension_types": ["new-sco"],
            "description": "An attribute of the TAHOE graph that STIX has no observable for.",
            "schema": "The property attribute_type is the attribute's sub_type, and value its value: a string, number, bool or null.",
        });
        self.add(author.identity());
        self.add(extension);
    }

    fn common(&self, kind: &str, made_of: &[&str], at: f64) -> Value {
        let id = id_of(kind, made_of, &self.creator);
        common(&id, (at, at), self.tlp, &self.creator)
    }

    /// Returns the marking of all objects.
    pub fn marking(&self) -> &'static str {
        marking_id(self.tlp)
    }

    /// Ends the bundle.
    pub fn end(self) -> Value {
        let ids: Vec<&str> = self
            .objects
            .iter()
            .filter_map(|object| object["id"].as_str())
            .collect();
        let id = Uuid::random_like(&ids);
        json!({"type": "bundle", "id": format!("bundle--{id}"), "objects": self.objects})
    }
}
