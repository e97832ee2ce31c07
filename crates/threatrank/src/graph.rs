//! The graph as far as it is known, and the weights of its events.

/// The longest path, in hops.
pub(crate) const HOPS: usize = 3;
/// Share of an event's weight that is left after a day.
const DECAY: f64 = 0.998;
const DAY_S: f64 = 86_400.0;

/// Events and attributes, which name each other by index. The target is event 0.
#[derive(Debug, Default, Clone)]
pub(crate) struct Graph {
    pub(crate) events: Vec<Event>,
    /// The events of each attribute, sorted; none where they were not read.
    pub(crate) attributes: Vec<Option<Vec<usize>>>,
}

/// An event of the graph.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// 0.998^d.
    pub(crate) decay: f64,
    pub(crate) malicious: bool,
    /// Sorted; none where they were not read.
    pub(crate) attributes: Option<Vec<usize>>,
}

impl Event {
    /// An event whose attributes are not known yet. One in the future is as new as can be.
    pub(crate) fn new(timestamp: f64, malicious: bool, now: f64) -> Self {
        let age_days = ((now - timestamp) / DAY_S).max(0.0);
        Self {
            decay: DECAY.powf(age_days),
            malicious,
            attributes: None,
        }
    }

    /// 0.998^d / L, where L is known.
    pub(crate) fn weight(&self) -> Option<f64> {
        let attributes = self.attributes.as_ref()?;
        Some(self.decay / attributes.len().max(1) as f64)
    }
}

impl Graph {
    /// Whether the event is one of those that are known of the attribute.
    pub(crate) fn joins(&self, attribute: usize, event: usize) -> bool {
        let events = self.attributes[attribute].as_ref();
        events.is_some_and(|events| events.binary_search(&event).is_ok())
    }

    /// For each event the sum over its attributes of the mean over their events, the target excluded, of
    /// w · `before`, as far as there are no gaps.
    pub(crate) fn walk(&self, before: &[f64]) -> Vec<f64> {
        let values = self.events.iter().zip(before);
        let mut values: Vec<f64> = values
            .map(|(event, before)| event.weight().map_or(0.0, |weight| weight * before))
            .collect();
        values[0] = 0.0;
        let mean =
            |events: &Option<Vec<usize>>| mean(events.as_deref().unwrap_or_default(), &values);
        let through: Vec<f64> = self.attributes.iter().map(mean).collect();
        self.sums(&through)
    }

    /// For each event the sum over its attributes.
    pub(crate) fn sums(&self, through: &[f64]) -> Vec<f64> {
        let sum = |event: &Event| {
            let attributes = event.attributes.iter().flatten();
            attributes.map(|&attribute| through[attribute]).sum()
        };
        self.events.iter().map(sum).collect()
    }
}

/// The mean of these events' values.
pub(crate) fn mean(events: &[usize], values: &[f64]) -> f64 {
    let sum: f64 = events.iter().map(|&event| values[event]).sum();
    sum / events.len().max(1) as f64
}
