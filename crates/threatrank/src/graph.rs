//! The known part of the graph, and the weights of its events.

use std::collections::BTreeMap;

/// The longest path, in hops.
pub(crate) const HOPS: usize = 3;
/// Share of an event's weight that remains after a day.
const DECAY: f64 = 0.998;
const DAY_S: f64 = 86_400.0;

/// Events and attributes, which refer to each other by index. The target is event 0. If the target is an attribute,
/// event 0 stands for an event that is not counted among those of any attribute, and has only the target.
#[derive(Debug, Default, Clone)]
pub(crate) struct Graph {
    pub(crate) events: Vec<EventNode>,
    /// The events of each attribute, sorted; `None` if they were not read.
    pub(crate) attributes: Vec<Option<Vec<usize>>>,
    /// The number of events of each attribute that is the target, in any of its forms; empty if the target is an event.
    /// Paths end at such an attribute, so they are not divided by it.
    pub(crate) ends: BTreeMap<usize, f64>,
}

/// An event of the graph.
#[derive(Debug, Clone)]
pub(crate) struct EventNode {
    /// 0.998^d, where d is the event's age in days.
    pub(crate) decay: f64,
    pub(crate) malicious: bool,
    /// The event's attributes, sorted; `None` if they were not read.
    pub(crate) attributes: Option<Vec<usize>>,
}

impl EventNode {
    /// Makes an event whose attributes are not known yet. An event in the future counts as one of age 0.
    pub(crate) fn new(timestamp: f64, malicious: bool, now: f64) -> Self {
        let age_days = ((now - timestamp) / DAY_S).max(0.0);
        Self {
            decay: DECAY.powf(age_days),
            malicious,
            attributes: None,
        }
    }

    /// Returns the weight 0.998^d / L, if the number L of attributes is known.
    pub(crate) fn weight(&self) -> Option<f64> {
        let attributes = self.attributes.as_ref()?;
        Some(self.decay / attributes.len().max(1) as f64)
    }
}

impl Graph {
    /// Whether the event is among the known events of the attribute.
    pub(crate) fn joins(&self, attribute: usize, event: usize) -> bool {
        let events = self.attributes[attribute].as_ref();
        events.is_some_and(|events| events.binary_search(&event).is_ok())
    }

    /// Computes for each event the sum over its attributes of the mean over their events, the target excluded, of w ·
    /// `before`. Unknown parts of the graph are left out.
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

    /// Computes for each event the sum over its attributes.
    pub(crate) fn sums(&self, through: &[f64]) -> Vec<f64> {
        let sum = |(number, event): (usize, &EventNode)| {
            let attributes = event.attributes.iter().flatten();
            attributes
                .map(|&attribute| self.scale(number, attribute) * through[attribute])
                .sum()
        };
        self.events.iter().enumerate().map(sum).collect()
    }

    /// Returns the factor of all paths that come to this event through this attribute: 1, unless the attribute is the
    /// target, where paths end.
    pub(crate) fn scale(&self, event: usize, attribute: usize) -> f64 {
        match event {
            0 => self.ends.get(&attribute).copied().unwrap_or(1.0),
            _ => 1.0,
        }
    }
}

/// Returns the mean of these events' values.
pub(crate) fn mean(events: &[usize], values: &[f64]) -> f64 {
    let sum: f64 = events.iter().map(|&event| values[event]).sum();
    sum / events.len().max(1) as f64
}
