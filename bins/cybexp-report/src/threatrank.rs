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
//! over all walks that lead there, which are no fewer than the simple paths, this is [`Rank::left_out`].

#[cfg(test)]
mod tests;

/// The longest path, in hops.
pub(crate) const HOPS: usize = 3;
/// Steps of the search for paths: well below a second.
pub(crate) const STEPS: u64 = 20_000_000;
/// What is left of an event after a day.
const DECAY: f64 = 0.998;
const DAY_S: f64 = 86_400.0;

/// Events and attributes, which name each other by index. The target is event 0.
#[derive(Debug, Default, Clone)]
pub(crate) struct Graph {
    pub(crate) events: Vec<Event>,
    /// The events of each attribute; none where they are too many, or were not read.
    pub(crate) attributes: Vec<Option<Vec<usize>>>,
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
    /// From the paths that were found. The true score is not above it, and below it by [`Rank::left_out`] at most.
    pub(crate) score: f64,
    /// How many were found.
    pub(crate) paths: u64,
    /// What the paths not found add at most; 0: all were found.
    pub(crate) left_out: f64,
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

    fn refers_to(&self, attribute: usize) -> bool {
        let attributes = self.attributes.as_ref();
        attributes.is_some_and(|all| all.binary_search(&attribute).is_ok())
    }
}

impl Graph {
    /// The target's rank, from at most so many steps of search.
    pub(crate) fn rank(&self, steps: u64) -> Rank {
        let mut rank = Rank {
            score: 0.0,
            paths: 0,
            left_out: 0.0,
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
            reach.push(self.walk(&reach[hops - 1], |_| 0.0, 0.0));
            // a path begins at a malicious event
            let unread = |event: &Event| match event.malicious || hops > 1 {
                true => event.decay,
                false => 0.0,
            };
            lost = self.walk(&lost, unread, 1.0);
            rank.left_out += lost[0];
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
            rank,
        };
        // the short ones first: they weigh most, should there be too many
        for hops in 1..=HOPS {
            search.extend(0, 1.0, hops);
        }
        search.rank
    }

    /// For each event the sum over its attributes of the mean over their events, the target excluded, of
    /// w · `before`; where an event or attribute has gaps, of what is given for it.
    fn walk(&self, before: &[f64], unread_event: impl Fn(&Event) -> f64, unread: f64) -> Vec<f64> {
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
        let through = self.attributes.iter();
        let through: Vec<f64> = through
            .map(|events| events.as_ref().map_or(unread, mean))
            .collect();
        let sum = |event: &Event| {
            let attributes = event.attributes.iter().flatten();
            attributes.map(|&attribute| through[attribute]).sum()
        };
        self.events.iter().map(sum).collect()
    }
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
    rank: Rank,
}

impl Search<'_> {
    /// Extends the path, whose product is `product`, from its last event by exactly so many hops.
    fn extend(&mut self, from: usize, product: f64, hops: usize) {
        if self.steps == 0 {
            self.rank.left_out += product * self.reach[hops][from];
            return;
        }
        let graph = self.graph;
        for &attribute in graph.events[from].attributes.iter().flatten() {
            let Some(events) = &graph.attributes[attribute] else {
                continue;
            };
            self.steps = self.steps.saturating_sub(1);
            if self.attributes.contains(&attribute) {
                continue;
            }
            let product = product / events.len() as f64;
            self.attributes.push(attribute);
            if hops == 1 {
                self.end(product);
            } else {
                for &event in events {
                    self.steps = self.steps.saturating_sub(1);
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

    /// Counts the paths that begin at the malicious events of the last attribute, all at once.
    fn end(&mut self, product: f64) {
        let Some(&last) = self.attributes.last() else {
            return;
        };
        let (mut sum, mut paths) = self.malicious[last];
        for &event in &self.events {
            let event = &self.graph.events[event];
            if let (true, true, Some(weight)) =
                (event.malicious, event.refers_to(last), event.weight())
            {
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
