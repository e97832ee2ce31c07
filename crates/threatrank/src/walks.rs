//! Walks through the gaps of a graph, which estimate the paths behind them.
//!
//! A walk goes from the target to a gap at random, to each gap with a probability equal to its share of [`Gaps::mass`].
//! From there it goes on along the parts that are read for it: to any event of an attribute, to any attribute of an
//! event where it has not been. The worth of the paths that it finds lies between 0 and 1, and its expected value is the sum over all
//! paths with gaps, divided by the mass. Walks have no input or output: the caller reads the parts that they need.

use std::collections::HashSet;

use rand::Rng;

use crate::graph::{Graph, HOPS, mean};
use crate::interval::mean_between;
use crate::search::Rank;

/// Unknown parts of a graph, with the most that the paths behind each can be worth. Reading more of the graph does not
/// change it.
#[derive(Debug)]
pub(crate) struct Gaps {
    unlisted: Vec<bool>,
    unread: Vec<bool>,
    /// By hops left and attribute, the most that the paths through the attribute can be worth.
    through: Vec<Vec<f64>>,
    /// By hops left and event, the most that the paths behind the event can be worth.
    behind: Vec<Vec<f64>>,
    mass: f64,
}

/// A way through a gap, from the target towards the beginnings of paths.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Events of the walk, without the target.
    events: Vec<usize>,
    attributes: Vec<usize>,
    /// Factor of the worth of paths that the walk finds from here on.
    factor: f64,
    /// Lower bound of the share of the walks that would have come here if hubs also gave the events of the walk itself.
    certain: f64,
    at: WalkPosition,
    found: Vec<FoundPath>,
}

/// A path that a walk found.
#[derive(Debug)]
struct FoundPath {
    worth: f64,
    /// The least that the worth is, if it is overrated because the walk's events were drawn from hubs.
    least: f64,
    /// Number of the path's attributes.
    hops: usize,
}

/// An attribute, and the number of hops of a walk before it.
pub(crate) type Stop = (usize, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WalkPosition {
    Attribute,
    EventNode,
    End,
}

/// The results of walks.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    values: Vec<f64>,
    /// The least that each value is.
    least: Vec<f64>,
    /// The contribution of each attribute.
    contributions: Vec<(usize, f64)>,
    paths: HashSet<(Vec<usize>, Vec<usize>)>,
}

impl Gaps {
    pub(crate) fn of(graph: &Graph) -> Self {
        let mut gaps = Self {
            unlisted: graph.attributes.iter().map(Option::is_none).collect(),
            unread: graph
                .events
                .iter()
                .map(|event| event.attributes.is_none())
                .collect(),
            through: vec![vec![]],
            behind: Vec::new(),
            mass: 0.0,
        };
        if graph.events[0].malicious {
            return gaps;
        }
        // the most that the paths through all attributes of an event can be worth together
        let mut beyond = vec![0.0; graph.events.len()];
        for hops in 0..HOPS {
            let behind = graph.events.iter().zip(&beyond);
            let mut behind: Vec<f64> = behind
                .map(|(event, beyond)| match event.weight() {
                    Some(weight) => weight * beyond,
                    None if event.malicious || hops > 0 => event.decay,
                    None => 0.0,
                })
                .collect();
            behind[0] = 0.0;
            let through = graph.attributes.iter();
            let through: Vec<f64> = through
                .map(|events| events.as_ref().map_or(1.0, |events| mean(events, &behind)))
                .collect();
            beyond = graph.sums(&through);
            gaps.through.push(through);
            gaps.behind.push(behind);
        }
        gaps.mass = beyond[0];
        gaps
    }

    /// Returns the most that all paths with gaps can be worth.
    pub(crate) fn mass(&self) -> f64 {
        self.mass
    }

    /// Makes a walk that has just reached a gap. The mass must not be 0.
    pub(crate) fn enter(&self, graph: &Graph, rng: &mut impl Rng) -> Walk {
        let mut walk = Walk {
            events: Vec::new(),
            attributes: Vec::new(),
            factor: 1.0,
            certain: 1.0,
            at: WalkPosition::End,
            found: Vec::new(),
        };
        let mut from = 0;
        for hops in (0..HOPS).rev() {
            let attributes = graph.events[from].attributes.as_deref().unwrap_or_default();
            let through =
                |attribute| graph.scale(from, attribute) * self.through[hops + 1][attribute];
            let Some(attribute) = choose(attributes, through, rng) else {
                return walk;
            };
            if !push_new(&mut walk.attributes, attribute) {
                return walk;
            }
            if self.unlisted[attribute] {
                walk.at = WalkPosition::Attribute;
                return walk;
            }
            let events = graph.attributes[attribute].as_deref().unwrap_or_default();
            let Some(event) = choose(events, |event| self.behind[hops][event], rng) else {
                return walk;
            };
            if !push_new(&mut walk.events, event) {
                return walk;
            }
            if self.unread[event] {
                // the event's own decay is in the mass
                walk.factor = (1.0 / graph.events[event].decay).min(f64::MAX);
                walk.at = WalkPosition::EventNode;
                return walk;
            }
            from = event;
        }
        walk
    }
}

/// Moves on to `next`, and returns whether the way has not been there before.
fn push_new(way: &mut Vec<usize>, next: usize) -> bool {
    let is_new = !way.contains(&next);
    way.push(next);
    is_new
}

/// Chooses one of these, with a probability proportional to its value.
fn choose(among: &[usize], value: impl Fn(usize) -> f64, rng: &mut impl Rng) -> Option<usize> {
    let sum: f64 = among.iter().map(|&one| value(one)).sum();
    let mut left = rng.random::<f64>() * sum;
    let mut possible = among.iter().filter(|one| value(**one) > 0.0);
    let found = possible.clone().find(|one| {
        left -= value(**one);
        left < 0.0
    });
    // rounding may leave a little
    found.or_else(|| possible.next_back()).copied()
}

impl Walk {
    /// Returns the attribute where the walk is, if it goes on to any event of it.
    pub(crate) fn wants_event_of(&self) -> Option<Stop> {
        let here = self
            .attributes
            .last()
            .filter(|_| self.at == WalkPosition::Attribute);
        here.map(|&attribute| (attribute, self.attributes.len() - 1))
    }

    /// Moves on to an event of the attribute, which was drawn from a sample without the walk's own events. The attribute
    /// has more than this many events.
    pub(crate) fn go_to_drawn(&mut self, event: usize, graph: &Graph, more_than: usize) {
        let from = self.attributes.last();
        let holds = |event: &usize| {
            let attributes = graph.events[*event].attributes.as_ref();
            attributes.is_none_or(|attributes| from.is_none_or(|from| attributes.contains(from)))
        };
        // each of these should have been drawn with a probability of one over the number of events
        let own = self.events.iter().chain([&0]);
        let own = own.filter(|&event| holds(event)).count() as f64;
        self.certain *= (1.0 - own / more_than.max(1) as f64).max(0.0);
        self.go_to_event(event, graph);
    }

    /// Moves on to an event of the attribute, which was chosen among all with equal probability.
    pub(crate) fn go_to_event(&mut self, event: usize, graph: &Graph) {
        let is_new = push_new(&mut self.events, event) && event != 0;
        // only a malicious event ends a path, and an event is only passed before the last hop
        let matters = graph.events[event].malicious || self.attributes.len() < HOPS;
        self.at = if is_new && matters {
            WalkPosition::EventNode
        } else {
            WalkPosition::End
        };
    }

    /// Ends the walk where it is. What it found counts.
    pub(crate) fn stop(&mut self) {
        self.at = WalkPosition::End;
    }

    /// Returns the event where the walk is, if its attributes must be known.
    pub(crate) fn wants_attributes_of(&self) -> Option<usize> {
        let here = self.events.last().copied();
        here.filter(|_| self.at == WalkPosition::EventNode)
    }

    /// Moves on to any attribute of the event that the walk has not been at; the event's attributes are known now. The
    /// others are on no simple path, so the factor is the share of those that are left.
    pub(crate) fn go_to_attribute(&mut self, graph: &Graph, rng: &mut impl Rng) {
        self.at = WalkPosition::End;
        let Some(event) = self.events.last().map(|&event| &graph.events[event]) else {
            return;
        };
        let Some(attributes) = &event.attributes else {
            return;
        };
        let degree = attributes.len().max(1) as f64;
        if event.malicious {
            let worth = self.factor * event.decay / degree;
            self.found.push(FoundPath {
                worth,
                least: worth * self.certain,
                hops: self.attributes.len(),
            });
        }
        let others = attributes.iter();
        let others = others.filter(|attribute| !self.attributes.contains(attribute));
        let others: Vec<usize> = others.copied().collect();
        if self.attributes.len() == HOPS || others.is_empty() {
            return;
        }
        self.factor *= event.decay * others.len() as f64 / degree;
        self.attributes
            .push(others[rng.random_range(0..others.len())]);
        self.at = WalkPosition::Attribute;
    }
}

impl Walked {
    pub(crate) fn add(&mut self, walks: Vec<Walk>) {
        for walk in walks {
            let sum = |of: fn(&FoundPath) -> f64| walk.found.iter().map(of).sum::<f64>().min(1.0);
            self.values.push(sum(|path| path.worth));
            self.least.push(sum(|path| path.least));
            for FoundPath { worth, hops, .. } in walk.found {
                let (events, attributes) = (&walk.events[..hops], &walk.attributes[..hops]);
                self.contributions
                    .extend(attributes.iter().map(|&attribute| (attribute, worth)));
                self.paths.insert((events.to_vec(), attributes.to_vec()));
            }
        }
    }
}

impl Rank {
    /// Adds the results of walks to the rank.
    pub(crate) fn add(&mut self, gaps: &Gaps, walked: &Walked) {
        let n = walked.values.len().max(1) as f64;
        let mean = walked.values.iter().sum::<f64>() / n;
        let (_, high) = mean_between(&walked.values);
        let (least, _) = mean_between(&walked.least);
        self.score -= gaps.mass * mean;
        self.error_bound += gaps.mass * (high - mean).max(mean - least);
        self.paths += walked.paths.len() as u64;
        for &(attribute, worth) in &walked.contributions {
            if self.contributions.len() <= attribute {
                self.contributions.resize(attribute + 1, 0.0);
            }
            self.contributions[attribute] -= gaps.mass * worth / n;
        }
    }
}
