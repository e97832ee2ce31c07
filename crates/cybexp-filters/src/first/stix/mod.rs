//! STIX 2.0 and 2.1, the language in which platforms share what they know: <https://oasis-open.github.io/cti-documentation/>.
//!
//! Read are indicators (their [`pattern`]s), observed data, sightings, and observables. What other objects say of these,
//! [`graph`] knows: which threat is indicated, what was seen where. Markings give the label.

mod graph;
mod marking;
mod observable;
mod parts;
mod pattern;
mod shape;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::rc::Rc;

use tahoe_core::{Attribute, Category, Event, Hash, Node, Object, SubType, Timestamp, Tlp, Value};

use super::filter::whole;
use super::lines;
use crate::{Filter, RawInput, Refusal, Yield, time, vocab};
use graph::{ObjectGraph, is_revoked, text};
use observable::texts;
use parts::{Parts, Told, judged};

/// Makes an event of each indicator, observed data and sighting, and of each observable that stands alone.
///
/// The values of an indicator are malicious, unless it says that they are not.
pub(crate) struct Stix;

/// The highest cost in bytes of what is made of a raw. An observable that much observed data names is told each time.
const RAW_COST: usize = 128 << 20;
/// The cost in bytes of a value beside its text, and of an event without values.
const VALUE_COST: usize = 500;
/// The most values of one event; the others make further ones.
const VALUES: usize = 500;
/// The most indicators that are looked at for one piece of observed data.
const MATCHED: usize = 100;
/// The most tags of one event.
const TAGS: usize = 50;
/// The longest text of a name or tag, in characters.
const TEXT: usize = 1000;
/// Events of a part, which are handed on together.
const PART: usize = 200;
/// The cost in bytes at which a part is handed on.
const PART_COST: usize = 2 << 20;

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
        &["payload_bin", "external_references", "description"]
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        whole(|take| self.run_in_parts(raw, take))
    }

    fn run_in_parts(
        &self,
        raw: &RawInput<'_>,
        take: &mut dyn FnMut(Yield) -> ControlFlow<()>,
    ) -> Result<(), Refusal> {
        let data = lines::data(raw)?;
        let objects = shape::objects(&data)?;
        let mut making = Making {
            raw,
            graph: ObjectGraph::of(&objects),
            bad: HashMap::new(),
            room: RAW_COST,
            made: Yield::default(),
            any: false,
            cost: 0,
        };
        for object in objects {
            making.object(object)?;
            if making.made.events.len() >= PART || making.cost >= PART_COST {
                making.cost = 0;
                if take(std::mem::take(&mut making.made)).is_break() {
                    return Ok(());
                }
            }
        }
        if !making.any {
            let reason =
                "objects: there is no indicator, observed data or observable that can be read";
            return Err(Refusal::new(match making.made.left_out.keys().next() {
                Some(why) => format!("{reason} ({})", why.replace('_', " ")),
                None => reason.to_owned(),
            }));
        }
        // the end, whether or not there may be more
        let _ = take(making.made);
        Ok(())
    }
}

/// An event that is to be made.
struct Draft {
    sub_type: SubType,
    at: Timestamp,
    category: Category,
    /// The values that the event is of.
    told: Told,
    /// Hashes of values in the context of the category; `None` if all are.
    judged: Option<HashSet<Hash>>,
    /// The attributes and objects that describe the event.
    about: Vec<Node>,
    tlp: Option<Tlp>,
}

/// The events made so far.
struct Making<'a> {
    raw: &'a RawInput<'a>,
    graph: ObjectGraph<'a>,
    /// The hashes of the values of indicators that observed data matches.
    bad: HashMap<&'a str, Rc<HashSet<Hash>>>,
    /// The cost that further events may have.
    room: usize,
    made: Yield,
    /// Whether an event was made.
    any: bool,
    /// The cost of the events that were made and not handed on.
    cost: usize,
}

impl<'a> Making<'a> {
    fn object(&mut self, object: &'a Value) -> Result<(), Refusal> {
        if !self.graph.is_latest(object) {
            self.made.leave_out("earlier_version");
            return Ok(());
        }
        let kind = text(object, "type").unwrap_or_default();
        match kind {
            _ if is_revoked(object) => self.made.leave_out("revoked"),
            "indicator" => return self.indicator(object),
            "observed-data" => return self.observed(object),
            "sighting" => return self.sighting(object),
            kind if observable::is_one(kind) => return self.alone(object, kind),
            "relationship"
            | "identity"
            | "marking-definition"
            | "extension-definition"
            | "opinion"
            | "grouping"
            | "report"
            | "note" => {}
            _ => self.made.leave_out("not_read"),
        }
        Ok(())
    }

    /// Returns the first of these times that an object has, or else that of the raw.
    fn time(&self, object: &Value, names: &[&str]) -> Timestamp {
        let times = names.iter().filter_map(|name| object.get(*name));
        let mut times = times.filter_map(|value| time::parse(value, self.raw.timezone).ok());
        times.next().unwrap_or(self.raw.timestamp)
    }

    /// Makes the event of an indicator.
    fn indicator(&mut self, object: &'a Value) -> Result<(), Refusal> {
        let Some(told) = self.pattern(object) else {
            return Ok(());
        };
        let id = text(object, "id").unwrap_or_default();
        let threats = self.graph.indicated(id);
        let mut about = self.about(object);
        let valid_until = text(object, "valid_until").map(|text| (vocab::VALID_UNTIL, text));
        let known = [(vocab::UUID, uuid(id)), (vocab::INFO, text(object, "name"))];
        let known = known
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)));
        about.extend(
            known
                .chain(valid_until)
                .filter_map(|(name, text)| attribute(name, text)),
        );
        let tags = threats.iter().map(String::as_str);
        let tags = tags.chain(texts(object.get("indicator_types")));
        let tags = tags.chain(texts(object.get("labels"))).take(TAGS);
        about.extend(tags.filter_map(|tag| attribute(vocab::TAG, tag)));
        let draft = Draft {
            sub_type: vocab::STIX_INDICATOR,
            at: self.time(object, &["valid_from", "created"]),
            category: category(object, !threats.is_empty()),
            told,
            judged: None,
            about,
            tlp: marking::of(object, &self.graph.known),
        };
        self.push(draft)
    }

    /// Returns the values of an indicator's pattern; `None` if there are none.
    fn pattern(&mut self, object: &Value) -> Option<Told> {
        let kind = text(object, "pattern_type").unwrap_or("stix");
        let pattern = text(object, "pattern").filter(|_| kind == "stix");
        let Some(pattern) = pattern else {
            self.made.leave_out("pattern_in_another_language");
            return None;
        };
        let read = pattern::values(pattern);
        for (why, count) in &read.left_out {
            self.made.leave_out_many(why, *count);
        }
        let mut all = Told::default();
        for group in read.groups {
            let mut parts = Parts::default();
            for compared in group {
                let (kind, path) = compared.path.split_once(':').unwrap_or_default();
                // the type of what a reference leads to is no value
                if !path.ends_with("ref.type") && !parts.add(kind, path, &compared.value) {
                    self.made.leave_out("pattern_of_other_properties");
                }
            }
            let told = parts.told();
            all.nodes.extend(told.nodes);
            all.beside.extend(told.beside);
        }
        if all.nodes.is_empty() {
            self.made.leave_out("pattern_without_values");
            return None;
        }
        Some(all)
    }

    /// Makes the event of observed data.
    fn observed(&mut self, object: &'a Value) -> Result<(), Refusal> {
        let id = text(object, "id").unwrap_or_default();
        let mut tlp = marking::of(object, &self.graph.known);
        let mut all = Told::default();
        let mut named: Vec<&Value> = Vec::new();
        for id in texts(object.get("object_refs")) {
            match self.graph.known.get(id) {
                Some(object) => named.push(object),
                None => self.made.leave_out("object_is_elsewhere"),
            }
        }
        // version 2.0 has the observables within, and references to their keys
        let within = object.get("objects").and_then(Value::as_object);
        let is_referred = |key: &str| {
            let mut all = within.into_iter().flatten();
            all.any(|(_, object)| observable::references(object).any(|named| named == key))
        };
        let few = within.is_some_and(|within| within.len() <= MATCHED);
        for (key, object) in within.into_iter().flatten() {
            if !few || !is_referred(key) {
                named.push(object);
            }
        }
        for object in named {
            tlp = Tlp::strictest(tlp, marking::of(object, &self.graph.known));
            let find = |id: &str| match within {
                Some(within) => within.get(id),
                None => self.graph.known.get(id).copied(),
            };
            let told = observable::told(object, &find);
            self.spend(cost(&told))?;
            all.nodes.extend(told.nodes);
            all.beside.extend(told.beside);
        }
        let matched: Vec<&str> = self.graph.matched(id).take(MATCHED).collect();
        let matched: Vec<_> = matched.into_iter().map(|id| self.bad_of(id)).collect();
        let values = all.nodes.iter().flat_map(judged);
        let bad: HashSet<Hash> = values
            .filter(|hash| matched.iter().any(|bad| bad.contains(hash)))
            .collect();
        let category = match !bad.is_empty() || self.graph.is_sighted(id) {
            true => Category::Malicious,
            false => Category::Unknown,
        };
        let draft = Draft {
            sub_type: vocab::STIX_OBSERVED,
            at: self.time(object, &["last_observed", "first_observed", "created"]),
            category,
            told: all,
            judged: Some(bad),
            about: self.about(object),
            tlp,
        };
        self.push(draft)
    }

    /// Returns the hashes of the values that an indicator says to be malicious.
    fn bad_of(&mut self, indicator: &'a str) -> Rc<HashSet<Hash>> {
        if let Some(known) = self.bad.get(indicator) {
            return Rc::clone(known);
        }
        let object = self.graph.known.get(indicator).copied();
        let object = object.filter(|object| {
            let indicates = !self.graph.indicated(indicator).is_empty();
            !is_revoked(object) && category(object, indicates) == Category::Malicious
        });
        let told = object.and_then(|object| self.quiet_pattern(object));
        let nodes = told.unwrap_or_default().nodes;
        let bad = Rc::new(nodes.iter().flat_map(judged).collect::<HashSet<Hash>>());
        self.bad.insert(indicator, Rc::clone(&bad));
        bad
    }

    /// Reads the pattern of an indicator. What it leaves out is counted where the indicator itself is read.
    fn quiet_pattern(&mut self, indicator: &'a Value) -> Option<Told> {
        let left_out = std::mem::take(&mut self.made.left_out);
        let told = self.pattern(indicator);
        self.made.left_out = left_out;
        told
    }

    /// Makes the event of an indicator that was seen, if the observed data does not tell of it.
    fn sighting(&mut self, object: &'a Value) -> Result<(), Refusal> {
        let known = |id: &str| self.graph.known.get(id).copied();
        if texts(object.get("observed_data_refs")).any(|id| known(id).is_some()) {
            return Ok(());
        }
        let of = text(object, "sighting_of_ref").and_then(known);
        let Some(of) = of.filter(|of| text(of, "type") == Some("indicator") && !is_revoked(of))
        else {
            self.made.leave_out("object_is_elsewhere");
            return Ok(());
        };
        let Some(told) = self.quiet_pattern(of) else {
            return Ok(());
        };
        let id = text(of, "id").unwrap_or_default();
        let indicates = !self.graph.indicated(id).is_empty();
        let labels = [object, of].map(|object| marking::of(object, &self.graph.known));
        let draft = Draft {
            sub_type: vocab::SIGHTING,
            at: self.time(object, &["last_seen", "first_seen", "created"]),
            category: category(of, indicates),
            told,
            judged: None,
            about: self.about(object),
            tlp: labels.into_iter().flatten().max(),
        };
        self.push(draft)
    }

    /// Makes the event of an observable that no other object tells of.
    fn alone(&mut self, object: &'a Value, kind: &str) -> Result<(), Refusal> {
        let id = text(object, "id").unwrap_or_default();
        if self.graph.is_told(id) {
            return Ok(());
        }
        let find = |id: &str| self.graph.known.get(id).copied();
        let told = observable::told(object, &find);
        if told.nodes.is_empty() {
            self.made.leave_out(match kind {
                "directory" | "software" => "observable_without_attribute",
                _ => "observable_without_value",
            });
            return Ok(());
        }
        let draft = Draft {
            sub_type: vocab::STIX_OBSERVED,
            at: self.raw.timestamp,
            category: match self.graph.is_used(id) {
                true => Category::Malicious,
                false => Category::Unknown,
            },
            told,
            judged: None,
            about: self.about(object),
            tlp: marking::of(object, &self.graph.known),
        };
        self.push(draft)
    }

    /// Returns what describes an object: who made it, and how sure they are.
    fn about(&self, object: &Value) -> Vec<Node> {
        let maker = text(object, "created_by_ref").and_then(|id| self.graph.known.get(id));
        let maker = maker.and_then(|maker| {
            let name = text(maker, "name").and_then(|name| attribute(vocab::NAME, name))?;
            let id = text(maker, "id").and_then(uuid);
            let id = id.and_then(|id| attribute(vocab::UUID, id));
            let parts = std::iter::once(name).chain(id).collect();
            Some(Node::from(Object::new(vocab::ORGC, parts).ok()?))
        });
        let confidence = object.get("confidence").and_then(Value::as_i64);
        let confidence = confidence.filter(|number| (0..=100).contains(number));
        let confidence = confidence.map(|number| Attribute::new(vocab::CONFIDENCE, number).into());
        maker.into_iter().chain(confidence).collect()
    }

    /// Takes the cost of values from what is left, before anything larger is made of them.
    fn spend(&mut self, cost: usize) -> Result<(), Refusal> {
        self.cost += cost;
        self.room = self.room.checked_sub(cost).ok_or_else(|| {
            let most = RAW_COST >> 20;
            Refusal::new(format!(
                "objects: what is made of them takes more than {most} MiB: share them in parts"
            ))
        })?;
        Ok(())
    }

    /// Makes the events of a draft, in parts that one document can hold.
    fn push(&mut self, draft: Draft) -> Result<(), Refusal> {
        // the same value is told once
        let nodes = draft.told.nodes.into_iter().map(|node| (node.hash(), node));
        let nodes: Vec<Node> = nodes
            .collect::<BTreeMap<Hash, Node>>()
            .into_values()
            .collect();
        let beside = draft.told.beside.into_iter().map(Node::from);
        let beside = beside.take(VALUES).chain(draft.about);
        let beside: BTreeMap<Hash, Node> = beside.map(|node| (node.hash(), node)).collect();
        for part in nodes.chunks(VALUES) {
            let children: Vec<Node> = part.iter().chain(beside.values()).cloned().collect();
            self.spend(VALUE_COST + children.iter().map(cost_of).sum::<usize>())?;
            let refuse = |error: &dyn std::fmt::Display| Refusal::new(format!("objects: {error}"));
            let event = Event::new(
                draft.sub_type.clone(),
                self.raw.orgid.clone(),
                draft.at,
                children,
            )
            .map_err(|error| refuse(&error))?
            .with_category(draft.category)
            .with_tlp_at_least(draft.tlp);
            let values = part.iter().flat_map(judged);
            let values =
                values.filter(|hash| draft.judged.as_ref().is_none_or(|bad| bad.contains(hash)));
            let event = match draft.category {
                Category::Malicious => event.with_malicious(values),
                Category::Benign => event.with_benign(values),
                Category::Unknown => Ok(event),
            };
            self.made
                .events
                .push(event.map_err(|error| refuse(&error))?);
            self.any = true;
        }
        Ok(())
    }
}

/// Returns the category of an indicator, which may indicate a threat. Version 2.0 has the types in its labels.
fn category(indicator: &Value, indicates: bool) -> Category {
    const HARMLESS: [&str; 1] = ["benign"];
    const OPEN: [&str; 5] = [
        "anomalous-activity",
        "anonymization",
        "attribution",
        "unknown",
        "compromised",
    ];
    let types = match indicator.get("indicator_types") {
        Some(types) => types,
        None => indicator.get("labels").unwrap_or(&Value::Null),
    };
    let mut known = texts(Some(types))
        .filter(|one| *one == "malicious-activity" || HARMLESS.contains(one) || OPEN.contains(one));
    match known.next() {
        Some(first) if !indicates => {
            let mut all = std::iter::once(first).chain(known);
            let (mut is_open, mut is_harmless) = (true, true);
            all.by_ref().for_each(|one| {
                is_open &= OPEN.contains(&one);
                is_harmless &= HARMLESS.contains(&one);
            });
            match (is_harmless, is_open) {
                (true, _) => Category::Benign,
                (_, true) => Category::Unknown,
                _ => Category::Malicious,
            }
        }
        _ => Category::Malicious,
    }
}

/// Returns the UUID of an id.
fn uuid(id: &str) -> Option<&str> {
    id.split_once("--").map(|(_, uuid)| uuid)
}

fn attribute(name: SubType, text: &str) -> Option<Node> {
    let short: String = text.chars().take(TEXT).collect();
    (!short.trim().is_empty()).then(|| Attribute::new(name, short).into())
}

fn cost(told: &Told) -> usize {
    let beside = told.beside.iter().cloned().map(Node::from);
    told.nodes.iter().map(cost_of).sum::<usize>() + beside.map(|node| cost_of(&node)).sum::<usize>()
}

/// Returns about how many bytes a node takes in a document.
fn cost_of(node: &Node) -> usize {
    match node {
        Node::Attribute(attribute) => VALUE_COST + attribute.data().as_str().map_or(0, str::len),
        Node::Object(object) => VALUE_COST + object.children().iter().map(cost_of).sum::<usize>(),
    }
}
