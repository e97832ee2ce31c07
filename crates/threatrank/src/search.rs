//! The search for paths. It is exact if there are no gaps and the limit of steps is not reached.

use std::time::Instant;

use crate::graph::{EventNode, Graph, HOPS};

/// The most steps of the search for paths, which take well below a second.
pub(crate) const STEPS: u64 = 20_000_000;
/// Steps between two checks of the clock.
const UNTIMED: u64 = 4096;
/// The result: a score, and the bound of its error.
#[derive(Debug, PartialEq)]
pub struct Rank {
    /// The score. It differs from the true score by at most [`Rank::error_bound`]: certainly if there were no walks,
    /// else except in one of a thousand cases.
    pub score: f64,
    /// Number of paths found.
    pub paths: u64,
    /// Upper bound of the change by paths that were not found; 0 if the score is exact.
    pub error_bound: f64,
    /// For each attribute, the share of the score that came through it. Each path counts for all its attributes.
    pub contributions: Vec<f64>,
}

impl Graph {
    /// Computes the target's rank by the paths without gaps, from at most `steps` steps of search that end at `until`.
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
        let malicious = |event: &EventNode| f64::from(event.malicious);
        let mut reach = vec![self.events.iter().map(malicious).collect::<Vec<f64>>()];
        for hops in 1..=HOPS {
            reach.push(self.walk(&reach[hops - 1]));
        }
        let malicious = self.attributes.iter().map(|events| {
            let events = events.iter().flatten().map(|&event| &self.events[event]);
            let weights = events
                .filter(|event| event.malicious)
                .filter_map(EventNode::weight);
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
        // the short paths first: they weigh most, if there are too many
        for hops in 1..=HOPS {
            search.extend(0, 1.0, hops);
        }
        search.rank
    }
}

/// The search for paths, from the target backwards.
struct Search<'a> {
    graph: &'a Graph,
    /// For each attribute, the sum of w over its malicious events, and the number of these events.
    malicious: Vec<(f64, u64)>,
    /// By hops and event, the sum of all walks from malicious events to the event. It is no less than that of the
    /// simple paths.
    reach: Vec<Vec<f64>>,
    /// Events of the path so far; the next field has its attributes.
    events: Vec<usize>,
    attributes: Vec<usize>,
    steps: u64,
    until: Option<Instant>,
    rank: Rank,
}

impl Search<'_> {
    /// Extends the path, whose product is `product`, from its last event by exactly this many hops.
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
            let product = product * graph.scale(from, attribute) / events.len() as f64;
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

    /// Counts all paths that begin at the malicious events of the last attribute.
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
