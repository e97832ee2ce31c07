//! Events drawn from a hub.

/// Events drawn from a hub for walks of this many hops, in random order.
#[derive(Debug, Default)]
pub(crate) struct Draws {
    pub(crate) events: Vec<usize>,
    pub(crate) used: usize,
}

impl Draws {
    /// Returns the next event, unless all are used.
    pub(crate) fn next(&mut self) -> Option<usize> {
        let event = self.events.get(self.used).copied();
        self.used += 1;
        event
    }
}
