//! The graph as the caller reads it for a rank, one level at a time.

use std::future::Future;

use serde::Deserialize;
use tahoe_core::Hash;

/// An event's time, and whether it was an attack.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct EventTime {
    /// The event's hash.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// The time of the event, in Unix seconds.
    pub timestamp: f64,
    /// Whether its category is malicious.
    pub malicious: bool,
}

/// An event, with its attributes if they were read together with it.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenEvent {
    /// The event.
    pub event: EventTime,
    /// The hashes of its attributes; `None` if they were not read, since the event is large.
    pub attributes: Option<Vec<Hash>>,
}

/// An attribute and the events that refer to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AttributeEvents {
    /// The attribute's hash.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// The visible events whose `_ref` holds the attribute; `None` if they are more than requested.
    pub events: Option<Vec<EventTime>>,
}

/// A request for some events of a hub.
#[derive(Debug, Clone)]
pub struct Draw {
    /// The hub.
    pub hub: Hash,
    /// Part of the sample to draw from, counted from 0. Parts have no events in common.
    pub part: u8,
    /// Hash in the part at which the draw begins.
    pub from: Hash,
    /// Number of events wanted.
    pub events: usize,
}

/// A request for one event of an attribute.
#[derive(Debug, Clone, Copy)]
pub struct Pick {
    /// The attribute.
    pub attribute: Hash,
    /// Place in the list of the attribute's events, as a share of its length, from 0 to below 1. The order of the list
    /// does not matter.
    pub at: f64,
}

/// The result of a [`Pick`].
#[derive(Debug, Clone, PartialEq)]
pub enum Picked {
    /// The event.
    Event(OpenEvent),
    /// The attribute has more events than those among which one may be picked.
    TooMany,
    /// The attribute has no events, or the event was deleted in the meantime.
    Nothing,
}

/// An attribute or object.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct NodeKind {
    /// The hash of the attribute or object.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// Whether it is an attribute.
    pub is_attribute: bool,
}

/// An event, and the hashes to which it refers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EventRefs {
    /// The event's hash.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// Hashes of all descendants.
    #[serde(rename = "_ref")]
    pub refs: Vec<Hash>,
}

/// The target of a rank.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// An event.
    Event(EventTime),
    /// An attribute, in the forms that events have; each form is an attribute of its own.
    Attribute(Vec<Hash>),
}

impl From<EventTime> for Target {
    fn from(event: EventTime) -> Self {
        Self::Event(event)
    }
}

/// A graph as one reader sees it, with only those events that the reader may see.
pub trait Source: Sync {
    /// The error of a read.
    type Error: Send;

    /// Returns which of these hashes are attributes and which are objects, in the order of the hashes. Others are left
    /// out.
    fn kinds(
        &self,
        hashes: Vec<Hash>,
    ) -> impl Future<Output = Result<Vec<NodeKind>, Self::Error>> + Send;

    /// Reads the hashes that these events refer to.
    fn event_refs(
        &self,
        events: &[Hash],
    ) -> impl Future<Output = Result<Vec<EventRefs>, Self::Error>> + Send;

    /// Lists the events of these attributes, for each attribute only if they are at most `most`. The list may end once
    /// it has `room` events; attributes missing from it were not read.
    fn events_of_attributes(
        &self,
        attributes: &[Hash],
        most: usize,
        room: usize,
    ) -> impl Future<Output = Result<Vec<AttributeEvents>, Self::Error>> + Send;

    /// Picks events, in the order of the picks: each from an attribute of at most `most` events.
    fn pick_events(
        &self,
        picks: &[Pick],
        most: usize,
    ) -> impl Future<Output = Result<Vec<Picked>, Self::Error>> + Send;

    /// Counts the events of an attribute.
    fn degree(&self, attribute: Hash) -> impl Future<Output = Result<u64, Self::Error>> + Send;

    /// Draws some events of each of these hubs, in the order of the draws. If there are fewer than requested, the part
    /// of the sample has no more.
    fn draw_events(
        &self,
        draws: &[Draw],
    ) -> impl Future<Output = Result<Vec<Vec<OpenEvent>>, Self::Error>> + Send;
}
