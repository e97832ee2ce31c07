//! The nodes and edges of a picture, made of a report. What is alike becomes one node, and what does not fit is counted. No
//! input, no output.

use std::collections::{BTreeMap, BTreeSet};

use crate::instances::{AttributeDoc, Composite, Related, scalar};
use crate::subject::Subject;
use crate::view::family::{Family, category_class};

/// The most nodes of a picture.
pub(crate) const NODES: usize = 300;
/// The most edges of a picture; more would hide its nodes.
const EDGES: usize = 1200;
/// The most instances that stay apart although they are alike.
const APART: usize = 3;

/// A picture's nodes and edges.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// The value that was asked for comes first.
    pub(crate) nodes: Vec<Node>,
    /// Pairs of positions in `nodes`.
    pub(crate) edges: Vec<(usize, usize)>,
    /// The instances that there was no room for.
    pub(crate) left_out: usize,
    /// The edges that there was no room for.
    pub(crate) edges_left_out: usize,
}

/// A node of a picture: an instance, or several that are alike.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// The class in the style sheet, which gives the colour.
    pub(crate) class: &'static str,
    pub(crate) sub_type: String,
    /// The text beside the node, uncut.
    pub(crate) label: String,
    /// The number of instances.
    pub(crate) count: usize,
    /// The path of the node's page.
    pub(crate) path: Option<String>,
    /// The hash of a value that can be expanded in the picture.
    pub(crate) hash: Option<String>,
}

/// The kind of a node's instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The value that was asked for.
    Subject,
    /// Attributes.
    Attribute,
    /// Events.
    Event,
    /// Sessions.
    Session,
}

/// The most groups of events with the same shared attributes. If there are more, the events of one kind in the same
/// sessions are alike, whatever attributes they share: a picture of more shows none of them.
const GROUPS: usize = 60;

/// Events that are alike: of one sub_type and category, and with the same shared attributes or sessions.
struct EventGroup<'a> {
    events: Vec<&'a Composite>,
}

impl Graph {
    /// Makes the graph of a report about a subject.
    pub(crate) fn new(subject: &Subject, related: &Related) -> Self {
        let mut graph = Self::default();
        let center = graph.add_subject(subject, related);
        let groups = groups(related);
        let mut of_event = BTreeMap::new();
        for group in &groups {
            let Some(first) = group.events.first() else {
                continue;
            };
            let path = match of_one_session(group, related) {
                Some(session) => Subject::Hash(session.hash.clone()).path("/session"),
                None => path_of(subject, first, related),
            };
            let node = Node {
                kind: Kind::Event,
                class: category_class(&first.category),
                sub_type: first.sub_type.clone(),
                label: first.sub_type.clone(),
                count: group.events.len(),
                path: Some(path),
                hash: None,
            };
            let Some(at) = graph.add(node) else { continue };
            for event in &group.events {
                of_event.insert(event.hash.as_str(), at);
            }
            // an event that does not hold the value itself is connected with it over its session
            let near = |event: &&Composite| {
                let holds = !event.refs.is_disjoint(&related.subjects);
                holds || related.sessions.is_empty() && related.own.contains(&event.hash)
            };
            if group.events.iter().any(near) {
                graph.edges.push((center, at));
            }
        }
        graph.add_sessions(center, related, &of_event);
        graph.add_attributes(related, &of_event);
        graph.edges_left_out = graph.edges.len().saturating_sub(EDGES);
        graph.edges.truncate(EDGES);
        graph
    }

    fn add_subject(&mut self, subject: &Subject, related: &Related) -> usize {
        let (sub_type, label) = match (related.about.first(), subject) {
            (Some(about), _) => (about.sub_type.clone(), scalar(&about.data)),
            (None, Subject::Value { sub_type, data }) => (sub_type.clone(), data.clone()),
            (None, Subject::Hash(hash)) => (String::new(), hash.clone()),
        };
        self.nodes.push(Node {
            kind: Kind::Subject,
            class: Family::of(&sub_type).class(),
            sub_type,
            label,
            count: 1,
            path: None,
            hash: None,
        });
        0
    }

    /// Adds a node if there is room, and returns its position.
    fn add(&mut self, node: Node) -> Option<usize> {
        if self.nodes.len() >= NODES {
            self.left_out += node.count;
            return None;
        }
        self.nodes.push(node);
        Some(self.nodes.len() - 1)
    }

    fn add_sessions(&mut self, center: usize, related: &Related, of_event: &BTreeMap<&str, usize>) {
        let mut alike: BTreeMap<(&str, BTreeSet<usize>), Vec<&Composite>> = BTreeMap::new();
        for session in &related.sessions {
            let events = session.refs.iter();
            let near: BTreeSet<usize> = events
                .filter_map(|hash| of_event.get(hash.as_str()).copied())
                .collect();
            let key = (session.sub_type.as_str(), near);
            alike.entry(key).or_default().push(session);
        }
        for ((sub_type, near), sessions) in alike {
            let parts: Vec<&[&Composite]> = match sessions.len() <= APART {
                true => sessions.chunks(1).collect(),
                false => vec![&sessions],
            };
            for part in parts {
                let id = part[0].text(&["sessionid"]);
                let label = match (part.len(), &id) {
                    (1, Some(id)) => id.clone(),
                    _ => sub_type.to_owned(),
                };
                let path = id.map(|id| {
                    let id = Subject::Value {
                        sub_type: "sessionid".to_owned(),
                        data: id,
                    };
                    id.path("/session")
                });
                let node = Node {
                    kind: Kind::Session,
                    class: "k-session",
                    sub_type: sub_type.to_owned(),
                    label,
                    count: part.len(),
                    path: path.filter(|_| part.len() == 1),
                    hash: None,
                };
                if let Some(at) = self.add(node) {
                    self.edges.extend(near.iter().map(|&event| (event, at)));
                    let own = |one: &&Composite| !one.refs.is_disjoint(&related.subjects);
                    if part.iter().any(own) {
                        self.edges.push((center, at));
                    }
                }
            }
        }
    }

    /// Adds the attributes. Those of one sub_type that stand at the same events are alike.
    fn add_attributes(&mut self, related: &Related, of_event: &BTreeMap<&str, usize>) {
        let mut near: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for event in &related.events {
            let Some(&at) = of_event.get(event.hash.as_str()) else {
                continue;
            };
            for one in related.attributes_of(event) {
                near.entry(&one.hash).or_default().insert(at);
                *seen.entry(&one.hash).or_default() += 1;
            }
        }
        let mut alike: BTreeMap<(&str, BTreeSet<usize>), Vec<&AttributeDoc>> = BTreeMap::new();
        for (hash, near) in near {
            if related.subjects.contains(hash) {
                continue;
            }
            if let Some(one) = related.attributes.get(hash) {
                alike.entry((&one.sub_type, near)).or_default().push(one);
            }
        }
        let mut all: Vec<_> = alike.into_iter().collect();
        // what connects most comes first, so that it has room
        all.sort_by(|a, b| {
            let connects = |key: &(&str, BTreeSet<usize>)| key.1.len();
            connects(&b.0).cmp(&connects(&a.0)).then(a.0.cmp(&b.0))
        });
        for ((sub_type, near), ones) in all {
            let class = Family::of(sub_type).class();
            if ones.len() > APART {
                let node = Node {
                    kind: Kind::Attribute,
                    class,
                    sub_type: sub_type.to_owned(),
                    label: sub_type.to_owned(),
                    count: ones.len(),
                    path: Some(format!("#related-{}", anchor(sub_type))),
                    hash: None,
                };
                self.connect(node, &near);
                continue;
            }
            for one in ones {
                let node = Node {
                    kind: Kind::Attribute,
                    class,
                    sub_type: sub_type.to_owned(),
                    label: scalar(&one.data),
                    count: 1,
                    path: Some(Subject::of(sub_type, &one.data, &one.hash).path("/value")),
                    hash: (!related.expanded.contains(&one.hash)).then(|| one.hash.clone()),
                };
                self.connect(node, &near);
            }
        }
    }

    fn connect(&mut self, node: Node, near: &BTreeSet<usize>) {
        if let Some(at) = self.add(node) {
            self.edges.extend(near.iter().map(|&event| (event, at)));
        }
    }
}

/// Returns a sub_type as it can stand in an anchor.
pub(crate) fn anchor(sub_type: &str) -> String {
    let safe = |c: char| {
        if c.is_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    sub_type.chars().map(safe).take(60).collect()
}

/// Returns the path of an event's page. The subject and the time tell the API where the event is.
pub(crate) fn subject_of_event(subject: &Subject, event: &Composite) -> String {
    let at = event.at.map(|at| at.to_string()).unwrap_or_default();
    subject.path_with("/event", &[("id", &event.hash), ("at", &at)])
}

/// Returns the path of an event's page. An event that was added with another value is found by that.
fn path_of(subject: &Subject, event: &Composite, related: &Related) -> String {
    let mut others = related.expanded.intersection(&event.refs);
    match others.next() {
        Some(hash) if event.refs.is_disjoint(&related.subjects) => {
            subject_of_event(&Subject::Hash(hash.clone()), event)
        }
        _ => subject_of_event(subject, event),
    }
}

/// Returns the session of several events, if they have only one.
fn of_one_session<'a>(group: &EventGroup<'_>, related: &'a Related) -> Option<&'a Composite> {
    let holds = |session: &&Composite| {
        let mut events = group.events.iter();
        events.any(|event| session.refs.contains(&event.hash))
    };
    let mut sessions = related.sessions.iter().filter(holds);
    match (sessions.next(), sessions.next()) {
        (Some(session), None) if group.events.len() > 1 => Some(session),
        _ => None,
    }
}

/// Puts events together that are alike. The groups are ordered by time, newest first.
fn groups(related: &Related) -> Vec<EventGroup<'_>> {
    let by_attributes = by_attributes(related);
    if by_attributes.len() <= GROUPS {
        return by_attributes;
    }
    let by_sessions = by_sessions(related);
    match by_sessions.len() < by_attributes.len() {
        true => by_sessions,
        false => by_attributes,
    }
}

/// Puts events together that are in the same sessions, and hold the same of the values that the picture is about.
fn by_sessions(related: &Related) -> Vec<EventGroup<'_>> {
    let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for session in &related.sessions {
        for event in &session.refs {
            of.entry(event).or_default().push(&session.hash);
        }
    }
    let about = related.subjects.union(&related.expanded);
    let about: Vec<&str> = about.map(String::as_str).collect();
    grouped(related, |event| {
        let sessions = of.get(event.hash.as_str()).into_iter().flatten().copied();
        let held = about
            .iter()
            .filter(|hash| event.refs.contains(**hash))
            .copied();
        sessions.chain(held).collect()
    })
}

/// Puts events together that have the same shared attributes.
fn by_attributes(related: &Related) -> Vec<EventGroup<'_>> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &related.events {
        for hash in event
            .refs
            .iter()
            .filter(|hash| related.attributes.contains_key(*hash))
        {
            *seen.entry(hash).or_default() += 1;
        }
    }
    grouped(related, |event| {
        let refs = event.refs.iter().map(String::as_str);
        let shared = refs.filter(|hash| seen.get(hash).is_some_and(|events| *events > 1));
        shared.collect()
    })
}

/// Puts events of one sub_type and category together that have the same key.
fn grouped<'a>(
    related: &'a Related,
    key: impl Fn(&'a Composite) -> Vec<&'a str>,
) -> Vec<EventGroup<'a>> {
    let mut places: BTreeMap<(&str, &str, Vec<&str>), usize> = BTreeMap::new();
    let mut groups: Vec<EventGroup<'_>> = Vec::new();
    for event in &related.events {
        let key = (event.sub_type.as_str(), event.category.as_str(), key(event));
        let place = *places.entry(key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.events.push(event),
            None => groups.push(EventGroup {
                events: vec![event],
            }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn hash(n: usize) -> String {
        format!("{n:064x}")
    }

    /// A report of events, each with the subject 1, the shared attribute 2 and `own` attributes of its own.
    fn report(events: usize, own: usize) -> Value {
        let mut documents = vec![
            json!({"itype": "attribute", "sub_type": "ipv4", "data": "203.0.113.9", "_hash": hash(1)}),
            json!({"itype": "attribute", "sub_type": "hassh", "data": "ab", "_hash": hash(2)}),
        ];
        for event in 0..events {
            let first = 1000 + event * 1000;
            let mut refs = vec![hash(1), hash(2)];
            for n in 0..own {
                let one = json!({"itype": "attribute", "sub_type": "password", "data": format!("{event}-{n}"), "_hash": hash(first + n)});
                documents.push(one);
                refs.push(hash(first + n));
            }
            documents.push(json!({
                "itype": "event", "sub_type": "ssh", "category": "malicious", "timestamp": event as f64,
                "_hash": hash(first + 999), "_ref": refs, "data": {},
            }));
        }
        json!({"data": documents, "events": [], "total": events})
    }

    fn graph(report: &Value) -> Graph {
        let subject = Subject::Hash(hash(1));
        Graph::new(&subject, &Related::read(&subject, report))
    }

    #[test]
    fn events_and_values_that_are_alike_are_one_node() {
        let graph = graph(&report(10, 1));
        // the subject, ten events, the shared attribute, ten passwords at the same node
        let kinds: Vec<(Kind, usize)> = graph
            .nodes
            .iter()
            .map(|node| (node.kind, node.count))
            .collect();
        let expected = [
            (Kind::Subject, 1),
            (Kind::Event, 10),
            (Kind::Attribute, 1),
            (Kind::Attribute, 10),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(graph.edges.len(), 3);
        assert_eq!(graph.left_out, 0);
    }

    #[test]
    fn many_events_of_a_session_are_one_node() {
        let mut many = report(100, 0);
        let documents = many["data"].as_array_mut().unwrap();
        let mut events = Vec::new();
        // each event shares a value with the next one only
        for (n, document) in documents.iter_mut().skip(2).enumerate() {
            let of = [n / 2, n.div_ceil(2)].map(|n| hash(500_000 + n));
            document["_ref"] = json!([hash(1), of[0], of[1]]);
            events.push(document["_hash"].clone());
        }
        for n in 0..=50 {
            let one = json!({"itype": "attribute", "sub_type": "username", "data": format!("u{n}"), "_hash": hash(500_000 + n)});
            documents.push(one);
        }
        let apart = graph(&many).nodes;
        let events_apart = apart.iter().filter(|node| node.kind == Kind::Event);
        assert_eq!(
            events_apart.count(),
            1,
            "of no session, and alike but for what they share"
        );

        let documents = many["data"].as_array_mut().unwrap();
        for (n, part) in events.chunks(50).enumerate() {
            let session = hash(900_000 + n);
            documents.push(json!({"itype": "session", "sub_type": "ssh_session", "_hash": session, "_ref": part,
                "data": {"sessionid": [format!("s{n}")]}, "start_time": 1.0, "end_time": 2.0}));
        }
        let graph = graph(&many);
        let groups: Vec<_> = graph
            .nodes
            .iter()
            .filter(|node| node.kind == Kind::Event)
            .collect();
        assert_eq!(
            groups.iter().map(|node| node.count).collect::<Vec<_>>(),
            [50, 50]
        );
        assert_eq!(
            groups[0].path,
            Some(format!("/session?hash={}", hash(900_000)))
        );
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut many = report(500, 0);
        // no two events are alike
        for (n, document) in many["data"].as_array_mut().unwrap().iter_mut().enumerate() {
            if document["itype"] == "event" {
                document["sub_type"] = json!(format!("kind{n}"));
            }
        }
        let graph = graph(&many);
        assert_eq!(graph.nodes.len(), NODES);
        assert_eq!(graph.left_out, 500 - (NODES - 1) + 1);
        let in_range = |&(a, b): &(usize, usize)| a < NODES && b < NODES;
        assert!(graph.edges.iter().all(in_range));
    }

    #[test]
    fn anchors_are_plain() {
        assert_eq!(anchor("shell_command"), "shell_command");
        assert_eq!(anchor("a\" onload=<x>"), "a--onload--x-");
    }
}
