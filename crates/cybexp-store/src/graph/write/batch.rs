//! The instances made of a batch of raws, held in memory until they are written.

use std::collections::{BTreeSet, HashMap};

use tahoe_core::{Children, Event, Hash, Instance, Node, Session};

/// All instances made of a batch of raws, each once.
#[derive(Debug, Default)]
pub struct GraphBatch {
    pub(super) nodes: HashMap<Hash, Node>,
    pub(super) events: HashMap<Hash, Event>,
    pub(super) sessions: HashMap<Hash, Session>,
    bytes: usize,
}

/// Bytes of a hash in an array of a document, with its index there.
const HASH_BYTES: usize = 76;
/// Approximate overhead of one stored instance, in bytes: its document's hashes and field names, and the value in memory.
const INSTANCE_BYTES: usize = 1000;

impl GraphBatch {
    /// Returns the approximate memory of the batch in bytes. Writing it takes as much again.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds an event and all instances that it refers to, and returns their hashes.
    pub fn add_event(&mut self, event: Event) -> BTreeSet<Hash> {
        let mut hashes: BTreeSet<Hash> = event.children().refs().iter().copied().collect();
        self.add_nodes(event.children().iter());
        hashes.insert(event.hash());
        self.bytes += size(event.children());
        self.events.entry(event.hash()).or_insert(event);
        hashes
    }

    /// Adds a part of a session and the instances that identify the session, and returns their hashes.
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

    /// Returns all instances as they would be stored in an empty archive: a bare insert of the same data writes these.
    pub fn instances(self) -> impl Iterator<Item = Instance> {
        let nodes = self.nodes.into_values().map(Instance::from);
        let events = self.events.into_values().map(Instance::Event);
        nodes
            .chain(events)
            .chain(self.sessions.into_values().map(Instance::Session))
    }
}

/// Returns the approximate bytes of a canonical form and its references.
fn size(children: &Children) -> usize {
    INSTANCE_BYTES + children.canonical().len() + HASH_BYTES * children.refs().len()
}
