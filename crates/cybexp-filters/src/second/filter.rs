//! The input and the result of a filter of the second stage.

use tahoe_core::{Attribute, Event, OrgId, Session};

use super::networks::Networks;

/// The instances that a second-stage filter reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Attributes of these sub_types. The filter's work on one is the same whatever event holds it: once for each
    /// attribute and organisation is enough.
    Attributes(&'static [&'static str]),
    /// Sessions of these sub_types, with their events.
    Sessions(&'static [&'static str]),
}

impl Source {
    /// Returns the sub_types of the attributes or sessions.
    pub fn sub_types(self) -> &'static [&'static str] {
        match self {
            Self::Attributes(sub_types) | Self::Sessions(sub_types) => sub_types,
        }
    }
}

/// A session with its observed events.
#[derive(Debug, Clone, Copy)]
pub struct SessionInput<'a> {
    /// The session as it is stored.
    pub session: &'a Session,
    /// Its events, all of one organisation, sorted by timestamp.
    pub events: &'a [Event],
}

/// The input of a second-stage filter.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// An attribute that an observed event of an organisation refers to.
    Attribute {
        /// The attribute.
        attribute: &'a Attribute,
        /// The organisation to which the derived events belong.
        orgid: &'a OrgId,
    },
    /// A session of an organisation.
    Session(SessionInput<'a>),
}

/// A filter that reads instances, not raws. It is pure, too: what it needs besides its input is in [`Networks`], whose
/// version is part of the filter's id.
///
/// The events that it makes are *derived*: no observations. Of an attribute they have the timestamp 0.0, so that an equal
/// result is the same event; of a session they have its end, or the time of its last event. An input of another kind, or
/// of another sub_type than [`Self::source`] names, makes nothing.
pub trait SecondFilter: Sync {
    /// The filter's name: an ASCII identifier in lower case, the same in source, fixtures and metrics. No filter of
    /// either stage has the same.
    fn name(&self) -> &'static str;

    /// The version of the filter's code.
    fn version(&self) -> u32;

    /// The instances that the filter reads.
    fn source(&self) -> Source;

    /// The sub_types of events without which the filter makes nothing of a session: it reads only sessions that have one of
    /// these. It reads all sessions of its source if there are none.
    fn needs_events(&self) -> &'static [&'static str] {
        &[]
    }

    /// Makes the derived events of one input.
    fn run(&self, input: &Input<'_>, networks: &Networks) -> Vec<Event>;

    /// Whether the filter needs a database of networks: without one, it rests.
    fn needs_networks(&self) -> bool {
        false
    }

    /// Returns the id of the filter with its data: `netblock@1`, `geoip@1+5d41402abc4b`. `None` if it rests for want of
    /// data.
    fn id(&self, networks: &Networks) -> Option<String> {
        let id = format!("{}@{}", self.name(), self.version());
        match (self.needs_networks(), networks.version()) {
            (false, _) => Some(id),
            (true, Some(version)) => Some(format!("{id}+{version}")),
            (true, None) => None,
        }
    }
}
