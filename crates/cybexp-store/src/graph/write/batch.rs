//! What a batch of raws yielded, held until it is written.

use std::collections::{BTreeSet, HashMap};

use tahoe_core::{Children, Event, Hash, Instance, Node, Session};

/// All that a batch of raws yielded, each instance once.
#[derive(Debug, Default)]
pub struct GraphBatch {
    pub(super) nodes: HashMap<Hash, Node>,
    pub(super) events: HashMap<Hash, Event>,
    pub(super) sessions: HashMap<Hash, Session>,
    bytes: usize,
}

/// A hash in an array of a document, with its place there.
const HASH_BYTES: usize = 76;
/// Approximate overhead of one stored instance, in bytes: its document's hashes and field names, and the value in memory.
const INSTANCE_BYTES: usize = 1000;

impl GraphBatch {
    /// About how much memory it takes, and as much again when it is written.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds an event and all that it refers to; gives their hashes.
    pub fn add_event(&mut self, event: Event) -> BTreeSet<Hash> {
        let mut hashes: BTreeSet<Hash> = event.children().refs().iter().copied().collect();
        self.add_nodes(event.children().iter());
        hashes.insert(event.hash());
        self.bytes += size(event.children());
        self.events.entry(event.hash()).or_insert(event);
        hashes
    }

    /// Adds what is told of a session, and what it is known by; gives their hashes.
    pub fn add_session(&mut self, session: Session) -> BTreeSet<Hash> {
        let mut hashes = session.refs();
        self.add_nodes(session.children().iter());
        hashes.insert(session.hash());
        self.bytes += HASH_BYTES * hashes.len() + INSTANCE_BYTES;
        self.sessions
            .entry(session.hash())
            .and_modify(|known| known.merge(&session))
            .or_insert(session);
        hashes
    }

    fn add_nodes<'a>(&mut self, nodes: impl Iterator<Item = &'a Node>) {
        for node in nodes {
            if self.nodes.contains_key(&node.hash()) {
                continue;
            }
            self.bytes += match node {
                Node::Object(object) => size(object.children()),
                Node::Attribute(attribute) => {
                    INSTANCE_BYTES + attribute.data().as_str().map_or(0, str::len)
                }
            };
            if let Node::Object(object) = node {
                self.add_nodes(object.children().iter());
            }
            self.nodes.insert(node.hash(), node.clone());
        }
    }

    /// All instances as they would be stored if none existed: what a bare insert of the same data writes.
    pub fn instances(self) -> impl Iterator<Item = Instance> {
        let nodes = self.nodes.into_values().map(Instance::from);
        let events = self.events.into_values().map(Instance::Event);
        nodes
            .chain(events)
            .chain(self.sessions.into_values().map(Instance::Session))
    }
}

/// Approximate bytes of a canonical form and its references.
fn size(children: &Children) -> usize {
    INSTANCE_BYTES + children.canonical().len() + HASH_BYTES * children.refs().len()
}
