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
//! events, or from an event to this one of its attributes. Let R(k, e) be the sum over what leads to event e in
//! exactly k hops, e itself excluded. Then **w · R(k, e) ≤ 0.998^d ≤ 1** with w = 0.998^d / L of e. For k = 0, R is 1
//! or 0, and L ≥ 1. For k > 0, R(k, e) is at most the sum over the L attributes of e of the mean over that
//! attribute's events e' of w' · R(k − 1, e'), and such a mean is at most 1; so R(k, e) ≤ L.
//!
//! Hence what is missing behind an attribute whose events are not known is at most 1 for each number of hops, and
//! behind an event whose attributes are not known at most 0.998^d, times what stands before it on the path. Summed
//! over all walks that lead there, which are no fewer than the simple paths, this is [`Rank::error_bound`].
//!
//! # What a sample tells
//!
//! Of an attribute with very many events some are drawn by chance, all events alike, and stand for the rest: a mean over
//! all of them becomes one over the sample. What it is the mean of lies between 0 and 1, so by Hoeffding's inequality,
//! which holds for draws without replacement, too, the two means of n draws differ by more than ε = √(Λ / 2n) with a
//! chance of at most 2·e^−Λ. There is one such mean for each way that leads from the target to the attribute. With
//! Λ = [`CERTAINTY`] a hundred million of them are all within ε but for one case in a million. The error adds to that of
//! the events in the sample, and with these to the bound; the difference of two means of this kind is never above 1.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Instant;

/// The longest path, in hops.
pub(crate) const HOPS: usize = 3;
/// Steps of the search for paths: well below a second.
pub(crate) const STEPS: u64 = 20_000_000;
/// ln(2 · 10⁸ · 10⁶): see above.
const CERTAINTY: f64 = 32.93;
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
    /// Attributes of which only some events are known, drawn by chance.
    pub(crate) sampled: BTreeSet<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// 0.998^d.
    decay: f64,
    malicious: bool,
    /// Sorted; none where they were not read.
    pub(crate) attributes: Option<Vec<usize>>,
}

/// The answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Rank {
    /// From the paths that were found. The true score differs from it by [`Rank::error_bound`] at most, and where nothing
    /// was sampled is not above it.
    pub(crate) score: f64,
    /// How many were found.
    pub(crate) paths: u64,
    /// What the paths not found add at most, and what samples may err by; 0: the score is exact.
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

    /// The target's rank, from at most so many steps of search that end at `until`.
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
        let mut lost = vec![0.0; self.events.len()];
        for hops in 1..=HOPS {
            reach.push(self.walk(&reach[hops - 1], |_| 0.0, false));
            // a path begins at a malicious event
            let unread = |event: &Event| match event.malicious || hops > 1 {
                true => event.decay,
                false => 0.0,
            };
            lost = self.walk(&lost, unread, true);
            rank.error_bound += lost[0];
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
    /// w · `before`; where an event has gaps, of what is given for it. With what may be missing, if it is `errors` that
    /// are summed up.
    fn walk(&self, before: &[f64], unread_event: impl Fn(&Event) -> f64, errors: bool) -> Vec<f64> {
        let values = self.events.iter().zip(before);
        let mut values: Vec<f64> = values
            .map(|(event, before)| match event.weight() {
                Some(weight) => weight * before,
                None => unread_event(event),
            })
            .collect();
        values[0] = 0.0;
        let mean = |events: &Vec<usize>| {
            let sum: f64 = events.iter().map(|&event| values[event]).sum();
            sum / events.len().max(1) as f64
        };
        let unread = if errors { 1.0 } else { 0.0 };
        let through = self.attributes.iter().enumerate();
        let through: Vec<f64> = through
            .map(|(attribute, events)| match events {
                None => unread,
                Some(events) if errors && self.sampled.contains(&attribute) => {
                    (mean(events) + sampling_error(events.len())).min(1.0)
                }
                Some(events) => mean(events),
            })
            .collect();
        let sum = |event: &Event| {
            let attributes = event.attributes.iter().flatten();
            attributes.map(|&attribute| through[attribute]).sum()
        };
        self.events.iter().map(sum).collect()
    }
}

/// How far the mean over so many draws may be from that over all.
fn sampling_error(draws: usize) -> f64 {
    (CERTAINTY / (2.0 * draws.max(1) as f64)).sqrt()
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
