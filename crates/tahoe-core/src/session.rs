//! Events that belong together, such as those of one connection to a honeypot.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::hash::Hash;
use crate::node::{Children, InvalidObject, Node};
use crate::scalar::Timestamp;
use crate::sub_type::SubType;

/// A session, as far as one or more raws show it. Sessions of equal hash are merged in the store.
///
/// ```
/// use tahoe_core::{Attribute, Session, SubType};
///
/// let id = Attribute::new(SubType::from_static("sessionid"), "8d0c0817");
/// let session = Session::new(SubType::from_static("cowrie_session"), vec![id.into()])?;
/// assert_eq!(session.sub_type().as_str(), "cowrie_session");
/// # Ok::<(), tahoe_core::InvalidObject>(())
/// ```
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
    /// Makes a session that is identified by these children, without events.
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

    /// Returns the session with these events added.
    pub fn with_events(mut self, events: impl IntoIterator<Item = Hash>) -> Self {
        self.events.extend(events);
        self
    }

    /// Returns the session without its events, as the archive stores it.
    pub fn without_events(mut self) -> Self {
        self.events.clear();
        self
    }

    /// Returns the session without start, end and duration.
    pub fn without_times(mut self) -> Self {
        (self.start_time, self.end_time, self.duration) = (None, None, None);
        self
    }

    /// Returns the session with this start.
    pub fn with_start_time(mut self, at: Timestamp) -> Self {
        self.start_time = Some(at);
        self
    }

    /// Returns the session with this end.
    pub fn with_end_time(mut self, at: Timestamp) -> Self {
        self.end_time = Some(at);
        self
    }

    /// Returns the session with this duration, in seconds.
    pub fn with_duration(mut self, seconds: Timestamp) -> Self {
        self.duration = Some(seconds);
        self
    }

    /// Merges another part of the same session: all events, the earliest start, the latest end, the longest duration.
    /// The result does not depend on the order of merging.
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

    /// Returns the session's type, such as `cowrie_session`.
    pub fn sub_type(&self) -> &SubType {
        &self.sub_type
    }

    /// Returns the session's hash.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the attributes and objects that identify the session.
    pub fn children(&self) -> &Children {
        &self.children
    }

    /// Returns the hashes of the session's events, sorted.
    pub fn events(&self) -> impl Iterator<Item = Hash> {
        self.events.iter().copied()
    }

    /// Returns the hashes of the session's descendants and events, sorted: `_ref`.
    pub fn refs(&self) -> BTreeSet<Hash> {
        let descendants = self.children.refs().iter().copied();
        descendants.chain(self.events()).collect()
    }

    /// Returns the start of the session, if it is known.
    pub fn start_time(&self) -> Option<Timestamp> {
        self.start_time
    }

    /// Returns the end of the session, if it is known.
    pub fn end_time(&self) -> Option<Timestamp> {
        self.end_time
    }

    /// Returns the duration of the session in seconds, if it is known.
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
