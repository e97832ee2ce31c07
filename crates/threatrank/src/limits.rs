//! Limits of the reading for one rank.

use std::time::Duration;

/// Limits of the reading for a rank. Parts that they leave unread widen the error bound.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest time for reading and searching paths.
    pub time: Duration,
    /// The most events of an attribute that are read; an attribute with more is a hub.
    pub hub: usize,
    /// The most events of attributes that are listed. An event counts once for each attribute.
    pub edges: usize,
    /// The most events whose attributes are read.
    pub events: usize,
    /// The approximate limit of `_ref` hashes that are read.
    pub refs: usize,
    /// The most walks through the gaps.
    pub walks: usize,
}

impl Limits {
    /// Makes the default limits for a rank that may take this long.
    pub fn new(time: Duration) -> Self {
        Self {
            time,
            hub: 2_000,
            edges: 200_000,
            events: 10_000,
            refs: 500_000,
            walks: 10_000,
        }
    }
}
