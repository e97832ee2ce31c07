//! The graph as the caller reads it for a rank, a level at a time.

use std::future::Future;

use serde::Deserialize;
use tahoe_core::Hash;

/// When an event happened, and whether it was an attack.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct EventTime {
    /// Identity.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// Unix seconds.
    pub timestamp: f64,
    /// Whether its category is malicious.
    pub malicious: bool,
}

/// An attribute and the events that refer to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AttributeEvents {
    /// Identity.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// The visible events whose `_ref` holds it; none if they are more than was asked for.
    pub events: Option<Vec<EventTime>>,
}

/// A request for some events of a hub.
#[derive(Debug, Clone)]
pub struct Draw {
    /// The hub.
    pub hub: Hash,
    /// Part of the sample to draw from, counted from 0; parts have no events in common.
    pub part: u8,
    /// Hash in the part from which on events are drawn.
    pub from: Hash,
    /// Number of events wanted.
    pub events: usize,
}

/// An attribute or object.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct NodeKind {
    /// Identity.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// Whether it is an attribute.
    pub is_attribute: bool,
}

/// An event and all that it refers to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EventRefs {
    /// Identity.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// All descendants.
    #[serde(rename = "_ref")]
    pub refs: Vec<Hash>,
}

/// A graph as one reader sees it: of events only those that the reader may see.
pub trait Source: Sync {
    /// Error of a read.
    type Error: Send;

    /// Tells which of these hashes are attributes and which are objects, in the order of the hashes; others are left out.
    fn kinds(
        &self,
        hashes: Vec<Hash>,
    ) -> impl Future<Output = Result<Vec<NodeKind>, Self::Error>> + Send;

    /// Reads the hashes that these events refer to.
    fn event_refs(
        &self,
        events: &[Hash],
    ) -> impl Future<Output = Result<Vec<EventRefs>, Self::Error>> + Send;

    /// Lists the events of these attributes, each attribute's only if they are `most` at most. The list may end once it
    /// has `room` events; attributes missing from it were not read.
    fn events_of_attributes(
        &self,
        attributes: &[Hash],
        most: usize,
        room: usize,
    ) -> impl Future<Output = Result<Vec<AttributeEvents>, Self::Error>> + Send;

    /// Draws some events of each of these hubs, in the order of the draws. If they are fewer than asked for, the part of
    /// the sample has no more.
    fn draw_events(
        &self,
        draws: &[Draw],
    ) -> impl Future<Output = Result<Vec<Vec<EventTime>>, Self::Error>> + Send;
}
