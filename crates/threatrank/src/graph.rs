//! How threatening an event is: the paths that lead to it from malicious events. No input, no output.
//!
//! The score is the sum over all simple paths *m* – attribute – event – … – attribute – target of at most [`HOPS`]
//! hops (a hop goes from event over attribute to event, so it is two edges) from any malicious event *m*, which may
//! lead through other malicious events, of −Π over the path's nodes, the target excluded, of 0.998^d / L. An
//! attribute's L is the number of its events, an event's that of its attributes, and d is an event's age in days.
//!
//! # What a graph with gaps tells
//!
//! Read from the target on, a path is a random walk: 1 / L is the chance to go from an attribute to this one of its
//! events, or from an event to this one of its attributes. A malicious event of L attributes ends a path, which counts
//! 0.998^d / L, and passes others on to its L − 1 other attributes. So all that leads through an attribute, over any
//! number of hops, comes to a mean over its events of at most 1 / L + (L − 1) / L = 1, and what leads through an event to
//! at most its 0.998^d.
//!
//! Hence what is missing behind an attribute whose events are not known is at most 1, and behind an event whose
//! attributes are not known at most 0.998^d, times what stands before it on the path. The sum of that over all walks that
//! lead to a gap, which are no fewer than the simple paths, is [`Gaps::mass`]. How much of it is really there is found
//! out by [`Walk`]s through the gaps.

mod interval;
mod walks;

#[cfg(test)]
mod tests;

use std::time::Instant;

pub(crate) use walks::{Gaps, Place, Walk, Walked};

/// The longest path, in hops.
pub(crate) const HOPS: usize = 3;
/// Steps of the search for paths: well below a second.
pub(crate) const STEPS: u64 = 20_000_000;
/// Steps between two looks at the clock.
const UNTIMED: u64 = 4096;
/// What is left of an event after a day.
const DECAY: f64 = 0.998;
const DAY_S: f64 = 86_400.0;

/// Events and attributes, which name each other by index. The target is event 0.
#[derive(Debug, Default, Clone)]
pub(crate) struct Graph {
    pub(crate) events: Vec<Event>,
    /// The events of each attribute, sorted; none where they were not read.
    pub(crate) attributes: Vec<Option<Vec<usize>>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// 0.998^d.
    decay: f64,
    pub(crate) malicious: bool,
    /// Sorted; none where they were not read.
    pub(crate) attributes: Option<Vec<usize>>,
}

/// The answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Rank {
    /// The true score differs from it by [`Rank::error_bound`] at most: surely where nobody walked, else but for one case
    /// in a thousand.
    pub(crate) score: f64,
    /// How many were found.
    pub(crate) paths: u64,
    /// What the paths not found may change; 0: the score is exact.
    pub(crate) error_bound: f64,
    /// For each attribute the share of the score that came through it. Each path counts for all its attributes.
    pub(crate) contributions: Vec<f64>,
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
    fn weight(&self) -> Option<f64> {
        let attributes = self.attributes.as_ref()?;
        Some(self.decay / attributes.len().max(1) as f64)
    }
}

impl Graph {
    /// Whether the event is one of those that are known of the attribute.
    fn joins(&self, attribute: usize, event: usize) -> bool {
        let events = self.attributes[attribute].as_ref();
        events.is_some_and(|events| events.binary_search(&event).is_ok())
    }

    /// The target's rank by the paths without gaps, from at most so many steps of search that end at `until`.
    pub(crate) fn rank(&self, steps: u64, until: Option<Instant>) -> Rank {
        let mut rank = Rank {
            score: 0.0,
            paths: 0,
            error_bound: 0.0,
            contributions: vec![0.0; self.attributes.len()],
        };
        if self.events[0].malicious {
            rank.score = -1.0;
            return rank;
        }
        let malicious = |event: &Event| f64::from(event.malicious);
        let mut reach = vec![self.events.iter().map(malicious).collect::<Vec<f64>>()];
        for hops in 1..=HOPS {
            reach.push(self.walk(&reach[hops - 1]));
        }
        let malicious = self.attributes.iter().map(|events| {
            let events = events.iter().flatten().map(|&event| &self.events[event]);
            let weights = events
                .filter(|event| event.malicious)
                .filter_map(Event::weight);
            weights.fold((0.0, 0), |(sum, n), weight| (sum + weight, n + 1))
        });
        let mut search = Search {
            graph: self,
            malicious: malicious.collect(),
            reach,
            events: vec![0],
            attributes: Vec::new(),
            steps,
            until,
            rank,
        };
        // the short ones first: they weigh most, should there be too many
        for hops in 1..=HOPS {
            search.extend(0, 1.0, hops);
        }
        search.rank
    }

    /// For each event the sum over its attributes of the mean over their events, the target excluded, of
    /// w · `before`, as far as there are no gaps.
    fn walk(&self, before: &[f64]) -> Vec<f64> {
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
    fn sums(&self, through: &[f64]) -> Vec<f64> {
        let sum = |event: &Event| {
            let attributes = event.attributes.iter().flatten();
            attributes.map(|&attribute| through[attribute]).sum()
        };
        self.events.iter().map(sum).collect()
    }
}

/// The mean of these events' values.
fn mean(events: &[usize], values: &[f64]) -> f64 {
    let sum: f64 = events.iter().map(|&event| values[event]).sum();
    sum / events.len().max(1) as f64
}

/// The search for paths, from the target backwards.
struct Search<'a> {
    graph: &'a Graph,
    /// For each attribute the sum of w over its malicious events, and how many they are.
    malicious: Vec<(f64, u64)>,
    /// By hops and event, what all walks from malicious events to it come to: no less than the simple paths.
    reach: Vec<Vec<f64>>,
    /// Of the path so far.
    events: Vec<usize>,
    attributes: Vec<usize>,
    steps: u64,
    until: Option<Instant>,
    rank: Rank,
}

impl Search<'_> {
    /// Extends the path, whose product is `product`, from its last event by exactly so many hops.
    fn extend(&mut self, from: usize, product: f64, hops: usize) {
        if self.steps == 0 {
            self.rank.error_bound += product * self.reach[hops][from];
            return;
        }
        let graph = self.graph;
        for &attribute in graph.events[from].attributes.iter().flatten() {
            let Some(events) = &graph.attributes[attribute] else {
                continue;
            };
            self.step();
            if self.attributes.contains(&attribute) {
                continue;
            }
            let product = product / events.len() as f64;
            self.attributes.push(attribute);
            if hops == 1 {
                self.end(product);
            } else {
                for &event in events {
                    self.step();
                    if let Some(weight) = graph.events[event].weight()
                        && self.reach[hops - 1][event] > 0.0
                        && !self.events.contains(&event)
                    {
                        self.events.push(event);
                        self.extend(event, product * weight, hops - 1);
                        self.events.pop();
                    }
                }
            }
            self.attributes.pop();
        }
    }

    fn step(&mut self) {
        self.steps = self.steps.saturating_sub(1);
        if self.steps.is_multiple_of(UNTIMED)
            && self.until.is_some_and(|until| Instant::now() >= until)
        {
            self.steps = 0;
        }
    }

    /// Counts the paths that begin at the malicious events of the last attribute, all at once.
    fn end(&mut self, product: f64) {
        let Some(&last) = self.attributes.last() else {
            return;
        };
        let (mut sum, mut paths) = self.malicious[last];
        for &number in &self.events {
            let event = &self.graph.events[number];
            if let (true, true, Some(weight)) = (
                event.malicious,
                self.graph.joins(last, number),
                event.weight(),
            ) {
                sum -= weight;
                paths -= 1;
            }
        }
        if paths == 0 {
            return;
        }
        let sum = product * sum.max(0.0);
        self.rank.score -= sum;
        self.rank.paths += paths;
        for &attribute in &self.attributes {
            self.rank.contributions[attribute] -= sum;
        }
    }
}
