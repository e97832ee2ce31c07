//! Events that belong together, such as those of one connection to a honeypot.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::Timestamp;
use crate::hash::Hash;
use crate::node::{Children, InvalidObject, Node};
use crate::sub_type::SubType;

/// A session, or what one raw tells of it: sessions of equal hash are merged where they are stored.
#[derive(Debug, Clone)]
pub struct Session {
    sub_type: SubType,
    children: Children,
    events: BTreeSet<Hash>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    duration: Option<Timestamp>,
    hash: Hash,
}

impl Session {
    /// A session known by these children, without events.
    pub fn new(sub_type: SubType, children: Vec<Node>) -> Result<Self, InvalidObject> {
        let children = Children::new(&sub_type, children)?;
        let hash = Hash::of(&["session", sub_type.as_str(), children.canonical()]);
        Ok(Self {
            sub_type,
            children,
            events: BTreeSet::new(),
            start_time: None,
            end_time: None,
            duration: None,
            hash,
        })
    }

    /// The same session with these events added.
    pub fn with_events(mut self, events: impl IntoIterator<Item = Hash>) -> Self {
        self.events.extend(events);
        self
    }

    /// The same session, begun at this time.
    pub fn with_start_time(mut self, at: Timestamp) -> Self {
        self.start_time = Some(at);
        self
    }

    /// The same session, ended at this time.
    pub fn with_end_time(mut self, at: Timestamp) -> Self {
        self.end_time = Some(at);
        self
    }

    /// The same session, that lasted so many seconds.
    pub fn with_duration(mut self, seconds: Timestamp) -> Self {
        self.duration = Some(seconds);
        self
    }

    /// Takes what another part of the same session tells: more events, the earliest start, the latest end,
    /// the longest duration. Any order of merging gives the same session.
    pub fn merge(&mut self, other: &Self) {
        fn pick(
            ours: &mut Option<Timestamp>,
            theirs: Option<Timestamp>,
            better: fn(f64, f64) -> bool,
        ) {
            if let Some(theirs) = theirs
                && ours.is_none_or(|ours| better(theirs.get(), ours.get()))
            {
                *ours = Some(theirs);
            }
        }
        self.events.extend(&other.events);
        pick(&mut self.start_time, other.start_time, |a, b| a < b);
        pick(&mut self.end_time, other.end_time, |a, b| a > b);
        pick(&mut self.duration, other.duration, |a, b| a > b);
    }

    /// The session's type, such as `cowrie_session`.
    pub fn sub_type(&self) -> &SubType {
        &self.sub_type
    }

    /// Its identity.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The attributes and objects that the session is known by.
    pub fn children(&self) -> &Children {
        &self.children
    }

    /// Hashes of its events, sorted.
    pub fn events(&self) -> impl Iterator<Item = Hash> {
        self.events.iter().copied()
    }

    /// Hashes of its descendants and events, sorted: `_ref`.
    pub fn refs(&self) -> BTreeSet<Hash> {
        let descendants = self.children.refs().iter().copied();
        descendants.chain(self.events()).collect()
    }

    /// When it began.
    pub fn start_time(&self) -> Option<Timestamp> {
        self.start_time
    }

    /// When it ended.
    pub fn end_time(&self) -> Option<Timestamp> {
        self.end_time
    }

    /// How many seconds it lasted.
    pub fn duration(&self) -> Option<Timestamp> {
        self.duration
    }
}

/// The document of a session.
impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("itype", "session")?;
        map.serialize_entry("sub_type", &self.sub_type)?;
        map.serialize_entry("data", &self.children)?;
        map.serialize_entry("_cref", self.children.cref())?;
        map.serialize_entry("_ref", &self.refs())?;
        for (name, value) in [
            ("start_time", self.start_time),
            ("end_time", self.end_time),
            ("duration", self.duration),
        ] {
            if let Some(value) = value {
                map.serialize_entry(name, &value.get())?;
            }
        }
        map.serialize_entry("_hash", &self.hash)?;
        map.end()
    }
}
