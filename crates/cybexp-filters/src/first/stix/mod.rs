//! STIX 2.1, the language in which platforms share what they know: <https://oasis-open.github.io/cti-documentation/>.
//!
//! A raw is a bundle, a page of a TAXII collection, or one object. Read are indicators (their patterns), observed data and
//! observables; other objects tell of people and campaigns, and are left out.

mod observable;
mod pattern;

use std::collections::{BTreeMap, HashMap, HashSet};

use tahoe_core::{Attribute, Category, Event, Hash, Node, SubType, Timestamp, Value};

use crate::{Filter, RawInput, Refusal, Yield, time, vocab};

/// Makes an event of each indicator and each observed data, and of observables that stand alone.
///
/// The values of an indicator are malicious, unless it says that they are benign.
pub(crate) struct Stix;

/// The most events of one raw.
const EVENTS: usize = 10_000;
/// The most values of one event; the others make further ones.
const VALUES: usize = 500;

impl Filter for Stix {
    fn name(&self) -> &'static str {
        "stix"
    }

    fn version(&self) -> u32 {
        1
    }

    fn typetags(&self) -> &'static [&'static str] {
        &["stix2"]
    }

    fn dispensable(&self) -> &'static [&'static str] {
        &["payload_bin", "granular_markings", "external_references"]
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        let objects = objects(raw.data)?;
        let known: HashMap<&str, &Value> = objects
            .iter()
            .filter_map(|object| Some((text(object, "id")?, object)))
            .collect();
        let mut making = Making {
            raw,
            made: Yield::default(),
        };
        let mut told: HashSet<&str> = HashSet::new();
        for object in objects {
            match text(object, "type") {
                Some("indicator") => making.indicator(object)?,
                Some("observed-data") => told.extend(making.observed(object, &known)?),
                // the observable of an indicator
                Some("relationship") if text(object, "source_ref").is_some_and(is_indicator) => {
                    told.extend(text(object, "target_ref"));
                }
                _ => {}
            }
        }
        let mut alone = Vec::new();
        for object in objects {
            let kind = text(object, "type").unwrap_or_default();
            let id = text(object, "id").unwrap_or_default();
            if told.contains(id) || ["indicator", "observed-data"].contains(&kind) {
                continue;
            }
            match observable::nodes(object) {
                nodes if nodes.is_empty() => making.made.leave_out("not_read"),
                nodes => alone.extend(nodes),
            }
        }
        making.push(
            vocab::STIX_OBSERVED,
            raw.timestamp,
            alone,
            Category::Unknown,
            vec![],
        )?;
        match making.made.events.is_empty() {
            true => Err(Refusal::new(
                "objects: there is no indicator, observed data or observable that can be read",
            )),
            false => Ok(making.made),
        }
    }
}

/// Returns the objects of a bundle, of a page of a collection, or the one object that there is.
fn objects(data: &Value) -> Result<&[Value], Refusal> {
    let Some(fields) = data.as_object() else {
        return Err(Refusal::new("a bundle is a JSON object"));
    };
    match fields.get("objects") {
        Some(Value::Array(objects)) => Ok(objects),
        Some(_) => Err(Refusal::new("objects is not a list")),
        None if fields.contains_key("type") => Ok(std::slice::from_ref(data)),
        None => Err(Refusal::new("objects is missing")),
    }
}

fn is_indicator(id: &str) -> bool {
    id.starts_with("indicator--")
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

/// The events made so far.
struct Making<'a> {
    raw: &'a RawInput<'a>,
    made: Yield,
}

impl Making<'_> {
    /// Returns the first of these times that an object has, or else that of the raw.
    fn time(&self, object: &Value, names: &[&str]) -> Timestamp {
        let times = names.iter().filter_map(|name| object.get(*name));
        let mut times = times.filter_map(|value| time::parse(value, self.raw.timezone).ok());
        times.next().unwrap_or(self.raw.timestamp)
    }

    /// Makes the event of an indicator.
    fn indicator(&mut self, object: &Value) -> Result<(), Refusal> {
        if object.get("revoked") == Some(&Value::Bool(true)) {
            self.made.leave_out("revoked");
            return Ok(());
        }
        let kind = text(object, "pattern_type").unwrap_or("stix");
        let pattern = text(object, "pattern").filter(|_| kind == "stix");
        let Some(pattern) = pattern else {
            self.made.leave_out("pattern_in_another_language");
            return Ok(());
        };
        let (mut nodes, mut beside) = (Vec::new(), Vec::new());
        for (path, value) in pattern::comparisons(pattern) {
            let mut read = observable::of_path(&path, &value).into_iter();
            nodes.extend(read.next());
            // the host of a URL may be a shared one, which is not malicious
            beside.extend(read);
        }
        beside.truncate(VALUES);
        if nodes.is_empty() {
            self.made.leave_out("pattern_without_values");
            return Ok(());
        }
        let types = object.get("indicator_types").and_then(Value::as_array);
        let types: Vec<&str> = types
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let category = match types[..] {
            ["benign"] => Category::Benign,
            _ => Category::Malicious,
        };
        let tags = types.iter().map(|tag| (vocab::TAG, *tag));
        let known = [(vocab::UUID, "id"), (vocab::INFO, "name")];
        let known = known
            .into_iter()
            .filter_map(|(name, field)| Some((name, text(object, field)?)));
        for (name, value) in known.chain(tags).take(20) {
            let value: String = value.chars().take(1000).collect();
            if !value.trim().is_empty() {
                beside.push(Node::from(Attribute::new(name, value)));
            }
        }
        let at = self.time(object, &["valid_from", "created"]);
        self.push(vocab::STIX_INDICATOR, at, nodes, category, beside)
    }

    /// Makes the event of observed data. Returns the ids of the observables that it tells of.
    fn observed<'a>(
        &mut self,
        object: &'a Value,
        known: &HashMap<&str, &Value>,
    ) -> Result<Vec<&'a str>, Refusal> {
        let mut told = Vec::new();
        let mut nodes = Vec::new();
        let refs = object.get("object_refs").and_then(Value::as_array);
        for id in refs.into_iter().flatten().filter_map(Value::as_str) {
            told.push(id);
            match known.get(id) {
                Some(object) => nodes.extend(observable::nodes(object)),
                None => self.made.leave_out("object_is_elsewhere"),
            }
        }
        // STIX 2.0 has the observables within
        let within = object.get("objects").and_then(Value::as_object);
        for object in within.into_iter().flat_map(|objects| objects.values()) {
            nodes.extend(observable::nodes(object));
        }
        let at = self.time(object, &["last_observed", "first_observed", "created"]);
        self.push(vocab::STIX_OBSERVED, at, nodes, Category::Unknown, vec![])?;
        Ok(told)
    }

    /// Makes the events of these values, in parts that one document can hold.
    fn push(
        &mut self,
        sub_type: SubType,
        at: Timestamp,
        nodes: Vec<Node>,
        category: Category,
        beside: Vec<Node>,
    ) -> Result<(), Refusal> {
        // the same value is told once
        let nodes: BTreeMap<Hash, Node> =
            nodes.into_iter().map(|node| (node.hash(), node)).collect();
        let nodes: Vec<Node> = nodes.into_values().collect();
        for part in nodes.chunks(VALUES) {
            if self.made.events.len() >= EVENTS {
                self.made.leave_out("too_many");
                return Ok(());
            }
            let refuse = |error: &dyn std::fmt::Display| Refusal::new(format!("objects: {error}"));
            let children = part.iter().chain(&beside).cloned().collect();
            let event = Event::new(sub_type.clone(), self.raw.orgid.clone(), at, children)
                .map_err(|error| refuse(&error))?
                .with_category(category);
            let values = part.iter().flat_map(observable::judged);
            let event = match category {
                Category::Malicious => event.with_malicious(values),
                Category::Benign => event.with_benign(values),
                Category::Unknown => Ok(event),
            };
            self.made
                .events
                .push(event.map_err(|error| refuse(&error))?);
        }
        Ok(())
    }
}
