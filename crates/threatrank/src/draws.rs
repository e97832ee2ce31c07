//! Events that were drawn of a hub.

/// Events of a hub for walks of so many hops, in the order of chance.
#[derive(Debug, Default)]
pub(crate) struct Draws {
    pub(crate) events: Vec<usize>,
    pub(crate) used: usize,
}

impl Draws {
    /// The next one, unless all are used.
    pub(crate) fn next(&mut self) -> Option<usize> {
        let event = self.events.get(self.used).copied();
        self.used += 1;
        event
    }
}
