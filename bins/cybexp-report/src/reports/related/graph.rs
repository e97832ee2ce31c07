//! The summaries of a related report. No input, no output.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use cybexp_store::InstanceRow;
use serde_json::{Value, json};
use tahoe_core::{Hash, canonical};

use super::reached::Reached;

/// Makes `{sub_type: [values]}` of the attributes, both sorted.
pub(super) fn summary(nodes: Vec<InstanceRow>) -> Value {
    let mut by_type: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for node in nodes {
        if let (true, Some(data)) = (node.itype == "attribute", node.data) {
            let key = canonical(&data).unwrap_or_default();
            by_type.entry(node.sub_type).or_default().insert(key, data);
        }
    }
    let sorted = by_type.into_iter();
    sorted
        .map(|(sub_type, values)| (sub_type, values.into_values().collect::<Value>()))
        .collect()
}

/// The instances of an answer, connected with their children, and sessions with their events.
pub(super) struct AnswerGraph<'a> {
    nodes: &'a [InstanceRow],
    labels: HashMap<Hash, String>,
    neighbours: BTreeMap<Hash, BTreeSet<Hash>>,
}

impl<'a> AnswerGraph<'a> {
    pub(super) fn new(reached: &Reached, nodes: &'a [InstanceRow]) -> Self {
        let mut graph = Self {
            nodes,
            labels: HashMap::new(),
            neighbours: BTreeMap::new(),
        };
        for node in nodes {
            graph.add(node.hash, &node.sub_type, &node.itype, node.cref.iter());
        }
        for event in reached.events.values() {
            graph.add(event.hash, &event.sub_type, "event", event.cref.iter());
        }
        let events = reached.events_of_sessions();
        for session in reached.sessions.values() {
            let events = events.get(&session.id).into_iter().flatten();
            let below = session.cref.iter().chain(events);
            graph.add(session.hash, &session.sub_type, "session", below);
        }
        graph
    }

    fn add<'h>(
        &mut self,
        hash: Hash,
        sub_type: &str,
        itype: &str,
        below: impl Iterator<Item = &'h Hash>,
    ) {
        self.labels.insert(hash, format!("{sub_type}={itype}"));
        for child in below {
            self.neighbours.entry(hash).or_default().insert(*child);
            self.neighbours.entry(*child).or_default().insert(hash);
        }
    }

    /// Makes `{sub_type: [[value, [labels of the shortest path from the value to a subject]], …]}`. Among paths of equal
    /// length the one over the smallest hashes is taken, so that the answer is always the same.
    pub(super) fn summary(&self, subjects: &[Hash]) -> Value {
        let towards = self.towards(subjects);
        let mut by_type: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
        for node in self.nodes {
            let (true, Some(data)) = (node.itype == "attribute", &node.data) else {
                continue;
            };
            let mut path = vec![&self.labels[&node.hash]];
            let mut at = node.hash;
            while let Some(next) = towards.get(&at).filter(|next| **next != at) {
                path.extend(self.labels.get(next));
                at = *next;
            }
            if subjects.contains(&at) {
                let key = canonical(data).unwrap_or_default();
                by_type
                    .entry(&node.sub_type)
                    .or_default()
                    .insert(key, json!([data, path]));
            }
        }
        let sorted = by_type.into_iter();
        sorted
            .map(|(sub_type, rows)| (sub_type.to_owned(), rows.into_values().collect::<Value>()))
            .collect()
    }

    /// Returns for each node the next one on the shortest path to a subject; for a subject, itself.
    fn towards(&self, subjects: &[Hash]) -> HashMap<Hash, Hash> {
        let mut towards: HashMap<Hash, Hash> = subjects.iter().map(|&one| (one, one)).collect();
        let mut queue = VecDeque::from(subjects.to_vec());
        while let Some(at) = queue.pop_front() {
            for &neighbour in self.neighbours.get(&at).into_iter().flatten() {
                towards.entry(neighbour).or_insert_with(|| {
                    queue.push_back(neighbour);
                    at
                });
            }
        }
        towards
    }
}
