//! The instances made of a batch of raws, held in memory until they are written.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use tahoe_core::{Children, Event, Hash, Instance, Node, OrgId, Session};

use crate::archive::ids::{OrgTag, RawId, SessionId};
use crate::archive::keys::{self, DerivedFrom, Nature};
#[cfg(feature = "inspect")]
use crate::archive::{ids, stored};

/// All instances made of a batch of raws, each once.
#[derive(Debug, Default)]
pub struct GraphBatch {
    pub(super) nodes: HashMap<Hash, Node>,
    pub(super) events: HashMap<Hash, Event>,
    /// The natures of those events that are no observations.
    natures: HashMap<Hash, Nature>,
    pub(super) sessions: HashMap<SessionId, PartOfSession>,
    /// Elements of the raws and sessions to which events belong, by event. The events may be stored already.
    pub(super) keys: HashMap<Hash, BTreeSet<Vec<u8>>>,
    bytes: usize,
}

/// A session as far as the raws of the batch show it.
#[derive(Debug)]
pub(super) struct PartOfSession {
    pub(super) session: Session,
    pub(super) orgid: OrgId,
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
        match self.events.entry(event.hash()) {
            Entry::Vacant(new) => drop(new.insert(event)),
            // of several raws that make one event, the strictest label holds
            Entry::Occupied(mut known) => {
                let tlp = event.tlp();
                if tlp > known.get().tlp() {
                    let stricter = known.get().clone().with_tlp_at_least(tlp);
                    known.insert(stricter);
                }
            }
        }
        hashes
    }

    /// Adds an event that a second-stage filter, given by its name, derived from an attribute or session of the event's
    /// organisation.
    pub fn add_derived(&mut self, event: Event, source: DerivedFrom, filter: &str) {
        let org = OrgTag::of(event.orgid().as_str());
        let element = keys::of_source(&org, source.hash(), filter);
        let hash = event.hash();
        self.natures.insert(hash, Nature::Derived);
        self.bytes += element.len();
        let elements = self.keys.entry(hash).or_default();
        elements.insert(element);
        if let DerivedFrom::Session(session) = source {
            elements.insert(keys::link(&SessionId::of(session, &org)));
            elements.insert(keys::timed(&org).to_vec());
        }
        self.add_event(event);
    }

    /// Adds the event of an analyst's verdict and all instances that it refers to, and returns their hashes.
    pub fn add_verdict(&mut self, event: Event) -> BTreeSet<Hash> {
        self.natures.insert(event.hash(), Nature::Verdict);
        self.add_event(event)
    }

    /// Returns the nature of an event of the batch.
    pub(super) fn nature(&self, event: Hash) -> Nature {
        let nature = self.natures.get(&event).copied();
        nature.unwrap_or(Nature::Observed)
    }

    /// Returns the events of the batch that were derived from sessions.
    pub(super) fn timed(&self) -> impl Iterator<Item = &Event> {
        let is_timed = |event: &&Event| {
            let keys = self.keys.get(&event.hash());
            keys.into_iter().flatten().any(|key| keys::is_timed(key))
        };
        self.events.values().filter(is_timed)
    }

    /// Returns the observed events of the batch.
    pub fn observed(&self) -> impl Iterator<Item = &Event> {
        let events = self.events.iter();
        events.filter_map(|(hash, event)| (!self.natures.contains_key(hash)).then_some(event))
    }

    /// Returns the observed event of this hash.
    pub fn observation(&self, event: Hash) -> Option<&Event> {
        let is_observed = !self.natures.contains_key(&event);
        self.events.get(&event).filter(|_| is_observed)
    }

    /// Returns the parts of sessions of the batch.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values().map(|part| &part.session)
    }

    /// Adds a part of a session of this organisation and the instances that identify the session, and returns their
    /// hashes. Its events, which must be of the same organisation, are found by the session.
    pub fn add_session(&mut self, session: Session, orgid: &OrgId) -> BTreeSet<Hash> {
        let mut hashes = session.refs();
        self.add_nodes(session.children().iter());
        hashes.insert(session.hash());
        self.bytes += HASH_BYTES * hashes.len() + INSTANCE_BYTES;
        let id = SessionId::of(session.hash(), &OrgTag::of(orgid.as_str()));
        for event in session.events() {
            self.keys
                .entry(event)
                .or_default()
                .insert(id.bytes().to_vec());
        }
        self.sessions
            .entry(id)
            .and_modify(|known| known.session.merge(&session))
            .or_insert_with(|| PartOfSession {
                session,
                orgid: orgid.clone(),
            });
        hashes
    }

    /// Records that a filter, given by its name without a version, made these events of a raw that was accepted at this
    /// time, in Unix seconds.
    pub fn add_source(
        &mut self,
        raw: &RawId,
        accepted: f64,
        filter: &str,
        events: impl IntoIterator<Item = Hash>,
    ) {
        let element = keys::of_raw(raw, accepted, filter);
        for event in events {
            self.bytes += element.len();
            self.keys.entry(event).or_default().insert(element.to_vec());
        }
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

    /// Returns the organisations of the events and sessions, some of them several times.
    pub(super) fn orgs(&self) -> impl Iterator<Item = &str> {
        let events = self.events.values().map(|event| event.orgid().as_str());
        let sessions = self.sessions.values().map(|part| part.orgid.as_str());
        events.chain(sessions)
    }

    /// Removes the attributes and objects of which `known` is true.
    #[cfg(feature = "inspect")]
    pub fn forget_nodes(&mut self, mut known: impl FnMut(Hash) -> bool) {
        self.nodes.retain(|hash, _| !known(*hash));
    }

    /// Returns the events, each with the elements of the raws and sessions to which it belongs.
    #[cfg(feature = "inspect")]
    pub(crate) fn elements(self) -> impl Iterator<Item = (Hash, BTreeSet<Vec<u8>>)> {
        let Self {
            events, mut keys, ..
        } = self;
        events
            .into_keys()
            .map(move |hash| (hash, keys.remove(&hash).unwrap_or_default()))
    }

    /// Returns all documents, as they are stored in an empty archive.
    #[cfg(feature = "inspect")]
    pub(crate) fn documents(&self) -> Result<Vec<bson::RawDocumentBuf>, String> {
        let node = |node: &Node| match node {
            Node::Attribute(attribute) => stored::plain(attribute.hash(), attribute),
            Node::Object(object) => stored::plain(object.hash(), object),
        };
        let event = |event: &Event| {
            let keys = self.keys.get(&event.hash()).into_iter().flatten();
            let keys = keys.map(|key| ids::binary(key.clone()));
            stored::event(
                event,
                &OrgTag::of(event.orgid().as_str()),
                self.nature(event.hash()),
                keys,
            )
        };
        let session = |(id, part): (&SessionId, &PartOfSession)| {
            stored::session(id, &part.session, part.orgid.as_str())
        };
        let nodes = self.nodes.values().map(node);
        let events = self.events.values().map(event);
        nodes
            .chain(events)
            .chain(self.sessions.iter().map(session))
            .collect()
    }

    /// Returns all instances, as they are in an empty archive.
    pub fn instances(self) -> impl Iterator<Item = Instance> {
        let nodes = self.nodes.into_values().map(Instance::from);
        let events = self.events.into_values().map(Instance::Event);
        let sessions = self.sessions.into_values();
        nodes
            .chain(events)
            .chain(sessions.map(|part| Instance::Session(part.session)))
    }
}

/// Returns the approximate bytes of a canonical form and its references.
fn size(children: &Children) -> usize {
    INSTANCE_BYTES + children.canonical().len() + HASH_BYTES * children.refs().len()
}
