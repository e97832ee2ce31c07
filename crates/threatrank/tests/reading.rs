//! Ranks of events in graphs in memory, read with ample room and time and with hardly any.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tahoe_core::Hash;
use threatrank::{
    AttributeEvents, Draw, EventRefs, EventTime, Limits, Neighbourhood, NodeKind, OpenEvent, Pick,
    Picked, Rank, Source, Target, WALKERS,
};

const NOW: f64 = 1_700_000_000.0;
const GRAPHS: u64 = 20;
const EVENTS: usize = 80;
/// The number of parts of the sample from which hubs are drawn.
const PARTS: u8 = 3;

#[derive(Default)]
struct Memory {
    events: BTreeMap<Hash, (EventTime, Vec<Hash>)>,
    attributes: BTreeMap<Hash, Vec<EventTime>>,
}

impl Memory {
    /// Makes events of one to three attributes. The first attributes are in most events.
    fn new(rng: &mut StdRng) -> Self {
        let mut memory = Self::default();
        for number in 0..EVENTS {
            let event = EventTime {
                hash: Hash::of(&["event", &number.to_string()]),
                timestamp: NOW - number as f64 * 90_000.0,
                malicious: rng.random_bool(1.0 / 3.0),
            };
            let names = (0..rng.random_range(1..=3)).map(|_| {
                let rank = 25_f64.powf(rng.random::<f64>()) as u32;
                Hash::of(&["attribute", &rank.to_string()])
            });
            let mut refs: Vec<Hash> = names.collect();
            refs.sort_unstable();
            refs.dedup();
            for attribute in &refs {
                memory.attributes.entry(*attribute).or_default().push(event);
            }
            memory.events.insert(event.hash, (event, refs));
        }
        memory
    }

    /// Returns an event with its attributes, but for some that stand for large ones.
    fn open(&self, event: EventTime) -> OpenEvent {
        let attributes = &self.events[&event.hash].1;
        let is_large = event.hash.as_bytes()[0].is_multiple_of(4);
        OpenEvent {
            event,
            attributes: (!is_large).then(|| attributes.clone()),
        }
    }

    fn rank(&self, target: impl Into<Target>, limits: Limits) -> Rank {
        let mut around = Neighbourhood::new(self, target, NOW, limits, Instant::now());
        block_on(async {
            around.read().await.unwrap();
            let mut rank = around.search();
            around.walk(&mut rank).await.unwrap();
            rank
        })
    }
}

impl Source for Memory {
    type Error = Infallible;

    async fn kinds(&self, hashes: Vec<Hash>) -> Result<Vec<NodeKind>, Infallible> {
        let kinds = hashes.into_iter().map(|hash| NodeKind {
            hash,
            is_attribute: self.attributes.contains_key(&hash),
        });
        Ok(kinds.collect())
    }

    async fn event_refs(&self, events: &[Hash]) -> Result<Vec<EventRefs>, Infallible> {
        let found = events
            .iter()
            .filter_map(|hash| Some((hash, self.events.get(hash)?)));
        let refs = found.map(|(&hash, (_, refs))| EventRefs {
            hash,
            refs: refs.clone(),
        });
        Ok(refs.collect())
    }

    async fn events_of_attributes(
        &self,
        attributes: &[Hash],
        most: usize,
        room: usize,
    ) -> Result<Vec<AttributeEvents>, Infallible> {
        let (mut rows, mut listed) = (Vec::new(), 0);
        for &hash in attributes {
            if listed >= room {
                break;
            }
            let events = self.attributes.get(&hash).cloned().unwrap_or_default();
            let events = Some(events).filter(|events| events.len() <= most);
            listed += events.as_ref().map_or(0, Vec::len);
            rows.push(AttributeEvents { hash, events });
        }
        Ok(rows)
    }

    async fn pick_events(&self, picks: &[Pick], most: usize) -> Result<Vec<Picked>, Infallible> {
        let pick = |pick: &Pick| {
            let events = &self.attributes[&pick.attribute];
            match (pick.at * events.len() as f64) as usize {
                _ if events.len() > most => Picked::TooMany,
                at => Picked::Event(self.open(events[at])),
            }
        };
        Ok(picks.iter().map(pick).collect())
    }

    async fn degree(&self, attribute: Hash) -> Result<u64, Infallible> {
        let events = self.attributes.get(&attribute);
        Ok(events.map_or(0, |events| events.len() as u64))
    }

    async fn draw_events(&self, draws: &[Draw]) -> Result<Vec<Vec<OpenEvent>>, Infallible> {
        let draw = |draw: &Draw| {
            let events = self.attributes[&draw.hub].iter();
            let mut part: Vec<EventTime> = events
                .filter(|event| event.hash.as_bytes()[31] % PARTS == draw.part)
                .copied()
                .collect();
            part.sort_unstable_by_key(|event| (event.hash < draw.from, event.hash));
            part.truncate(draw.events);
            part.into_iter().map(|event| self.open(event)).collect()
        };
        Ok(draws.iter().map(draw).collect())
    }
}

#[test]
fn the_true_score_is_within_the_bound_however_little_is_read() {
    let all = Limits {
        walks: 100,
        ..Limits::new(Duration::from_secs(3600))
    };
    let (mut ranks, mut inexact) = (0, 0);
    for graph in 0..GRAPHS {
        let memory = Memory::new(&mut StdRng::seed_from_u64(graph));
        let targets = memory.events.values().map(|(event, _)| *event);
        let targets = targets.filter(|event| !event.malicious).take(10);
        let targets = targets.map(Target::Event);
        // some are hubs, and one is in no event
        let attributes = [1, 2, 9, 20, 99].map(|n| Hash::of(&["attribute", &n.to_string()]));
        let attributes = attributes.map(|one| Target::Attribute(vec![one]));
        for target in targets.chain(attributes) {
            let truth = memory.rank(target.clone(), all);
            assert_eq!(truth.error_bound, 0.0, "{truth:?}");
            for limits in [
                Limits { hub: 5, ..all },
                Limits { hub: 12, ..all },
                Limits {
                    hub: 5,
                    walks: WALKERS + 1,
                    ..all
                },
                Limits { edges: 60, ..all },
                Limits { events: 20, ..all },
                Limits { refs: 30, ..all },
                Limits {
                    time: Duration::ZERO,
                    ..all
                },
            ] {
                let found = memory.rank(target.clone(), limits);
                let error = (found.score - truth.score).abs();
                assert!(
                    error <= found.error_bound + 1e-12,
                    "{limits:?}: {found:?} is not {truth:?}"
                );
                ranks += 1;
                inexact += usize::from(found.error_bound > 0.0);
            }
        }
    }
    assert!(inexact * 2 > ranks, "{inexact} of {ranks}");
}

#[test]
fn a_malicious_target_is_as_threatening_as_can_be() {
    let memory = Memory::new(&mut StdRng::seed_from_u64(0));
    let mut events = memory.events.values().map(|(event, _)| *event);
    let target = events.find(|event| event.malicious).unwrap();
    let rank = memory.rank(target, Limits::new(Duration::from_secs(1)));
    assert_eq!((rank.score, rank.paths, rank.error_bound), (-1.0, 0, 0.0));
}

#[test]
fn the_same_target_has_the_same_rank_again() {
    let memory = Memory::new(&mut StdRng::seed_from_u64(7));
    // otherwise the number of walkers would depend on the clock
    let limits = Limits {
        hub: 5,
        walks: WALKERS,
        ..Limits::new(Duration::from_secs(3600))
    };
    let targets = memory.events.values().map(|(event, _)| *event);
    for target in targets.filter(|event| !event.malicious).take(5) {
        let rank = memory.rank(target, limits);
        assert_eq!(rank, memory.rank(target, limits));
    }
}
