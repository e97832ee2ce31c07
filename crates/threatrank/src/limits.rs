//! Bounds of the reading for one rank.

use std::time::Duration;

/// Bounds of what is read for a rank; what they cut off widens its error bound.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest to read and to search for paths.
    pub time: Duration,
    /// An attribute of more events is a hub.
    pub hub: usize,
    /// Events of attributes that are listed; an event counts once for each attribute.
    pub edges: usize,
    /// Events whose attributes are read.
    pub events: usize,
    /// About as many `_ref`s of events are read.
    pub refs: usize,
    /// Walks through the gaps.
    pub walks: usize,
}

impl Limits {
    /// The usual ones, for a rank that may take so long.
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
