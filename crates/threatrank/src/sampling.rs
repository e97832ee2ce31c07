//! Reads for walks through the gaps of the graph, for many walks at once.
//!
//! Events of hubs are drawn from a sample in the order of hashes. Each hub starts at another place, because hubs have
//! events in common and should not give the same ones. Each hop draws from its own part of the sample. The reason is
//! that an event drawn from one hub is in the sample, so the next hub would give it far too often if it were drawn from
//! the same part. With separate parts, the next hub never gives it, although it should with a probability of one over
//! the number of the hub's events. `Walk::go_to_drawn` accounts for that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures::future::join;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tahoe_core::Hash;

use crate::draws::Draws;
use crate::graph::HOPS;
use crate::neighbourhood::Neighbourhood;
use crate::search::Rank;
use crate::source::{Draw, OpenEvent, Pick, Picked, Source};
use crate::walks::{Gaps, Stop, Walk, Walked};

/// Share of the time within which walks are planned to end.
const WALKS: f64 = 0.95;
/// The fewest walks that set out together, the most, and the factor by which their number may grow from one round to
/// the next.
pub const WALKERS: usize = 32;
const MOST_WALKERS: usize = 1_000;
const GROWTH: f64 = 6.0;
/// Share of the remaining time that the next round may take, if it takes in proportion to its walks as long as the slowest
/// round so far. It may take longer, and does not count if it is not finished in time; mostly it takes less, since much of
/// a round's time is the way to the server and back.
const ROUND: f64 = 0.85;
/// The most events of an attribute among which walks pick one. From an attribute with more, which is a hub to walks, they
/// draw events.
const HUB: usize = 200;
/// The fewest events drawn from a hub. Most hubs are met by one walk or two.
const DRAWN: usize = 16;
/// The most events of an attribute that are listed because too few of them can be drawn.
const LISTED: usize = 100_000;

impl<S: Source> Neighbourhood<'_, S> {
    /// Walks through the gaps as long as there is time, and adds the result to the rank. Walks from the same target are
    /// always the same if the source draws the same events.
    ///
    /// # Errors
    /// If the source cannot be read.
    pub async fn walk(&mut self, rank: &mut Rank) -> Result<(), S::Error> {
        let Some(gaps) = self.gaps.take().filter(|gaps| gaps.mass() > 0.0) else {
            return Ok(());
        };
        let walked = self.walk_through(&gaps).await?;
        rank.add(&gaps, &walked);
        Ok(())
    }

    async fn walk_through(&mut self, gaps: &Gaps) -> Result<Walked, S::Error> {
        let mut rng = StdRng::from_seed(*self.hashes[0].as_bytes());
        let mut walked = Walked::default();
        let (until, end) = (self.after(WALKS), self.after(1.0));
        let mut walkers = WALKERS;
        // seconds of the slowest round
        let mut slowest = 0.0_f64;
        while self.limits.walks > 0 && Instant::now() < end {
            let since = Instant::now();
            let n = walkers.min(self.limits.walks);
            let enter = |_| gaps.enter(&self.graph, &mut rng);
            let walks: Vec<Walk> = (0..n).map(enter).collect();
            let Some(walks) = self.finish(walks, &mut rng, end).await? else {
                break;
            };
            walked.add(walks);
            self.limits.walks -= n;
            slowest = slowest.max(since.elapsed().as_secs_f64());
            let left = until.saturating_duration_since(Instant::now());
            let growth = (left.as_secs_f64() * ROUND / slowest.max(1e-6)).min(GROWTH);
            let next = (n as f64 * growth) as usize;
            if next < WALKERS {
                break;
            }
            walkers = next.min(MOST_WALKERS);
        }
        Ok(walked)
    }

    /// Finishes these walks. Returns no result if that takes too long or a hub has no more events to draw: then none of
    /// these walks counts, whatever it found.
    async fn finish(
        &mut self,
        mut walks: Vec<Walk>,
        rng: &mut StdRng,
        end: Instant,
    ) -> Result<Option<Vec<Walk>>, S::Error> {
        for _ in 0..HOPS {
            let enough = self.go_to_events(&mut walks, rng).await?;
            // database operations in progress must not be dropped
            if !enough || Instant::now() >= end {
                return Ok(None);
            }
            self.go_to_attributes(&mut walks, rng).await?;
        }
        Ok(Some(walks))
    }

    /// Moves walks on to events. Returns false if a hub has too few events to draw.
    async fn go_to_events(
        &mut self,
        walks: &mut [Walk],
        rng: &mut StdRng,
    ) -> Result<bool, S::Error> {
        let (places, picks) = self.picks(walks, rng);
        let (stops, draws) = self.draws_wanted(walks);
        let source = self.source;
        // both to their end, even if one fails
        let (picked, drawn) =
            join(source.pick_events(&picks, HUB), source.draw_events(&draws)).await;
        let picked = picked?;
        self.add_drawn(stops, drawn?).await?;
        let mut is_hub_after_all = false;
        for ((place, attribute), picked) in places.into_iter().zip(picked) {
            match picked {
                Picked::Event(open) => {
                    let event = self.number_open(open);
                    walks[place].go_to_event(event, &self.graph);
                }
                Picked::TooMany => {
                    let known = self.hubs.entry(attribute).or_default();
                    *known = (*known).max(HUB);
                    is_hub_after_all = true;
                }
                Picked::Nothing => walks[place].stop(),
            }
        }
        if is_hub_after_all {
            let (stops, draws) = self.draws_wanted(walks);
            let drawn = self.source.draw_events(&draws).await?;
            self.add_drawn(stops, drawn).await?;
        }
        for walk in walks {
            let Some(place) = walk.wants_event_of() else {
                continue;
            };
            match &self.graph.attributes[place.0] {
                // the event that led here may have been deleted in the meantime
                Some(events) if events.is_empty() => walk.stop(),
                Some(events) => {
                    let event = events[rng.random_range(0..events.len())];
                    walk.go_to_event(event, &self.graph);
                }
                None => {
                    let Some(event) = self.draws.get_mut(&place).and_then(Draws::next) else {
                        return Ok(false);
                    };
                    let more_than = self.hubs.get(&place.0).copied().unwrap_or(0);
                    walk.go_to_drawn(event, &self.graph, more_than);
                }
            }
        }
        Ok(true)
    }

    /// Returns the picks for walks at attributes that are neither listed nor hubs, with the places of the walks and the
    /// attributes.
    fn picks(&self, walks: &[Walk], rng: &mut StdRng) -> (Vec<(usize, usize)>, Vec<Pick>) {
        let unknown = walks.iter().enumerate().filter_map(|(place, walk)| {
            let (attribute, _) = walk.wants_event_of()?;
            let listed = self.graph.attributes[attribute].is_some();
            (!listed && !self.is_hub(attribute)).then_some((place, attribute))
        });
        let places: Vec<(usize, usize)> = unknown.collect();
        let picks = places.iter().map(|&(_, attribute)| Pick {
            attribute: self.names[attribute],
            at: rng.random(),
        });
        let picks = picks.collect();
        (places, picks)
    }

    /// Whether an attribute is known to have so many events that walks draw one.
    fn is_hub(&self, attribute: usize) -> bool {
        let known = self.hubs.get(&attribute);
        known.is_some_and(|more_than| *more_than >= HUB)
    }

    async fn go_to_attributes(
        &mut self,
        walks: &mut [Walk],
        rng: &mut StdRng,
    ) -> Result<(), S::Error> {
        let wanted = walks.iter().filter_map(Walk::wants_attributes_of);
        let unread = wanted.filter(|&event| self.graph.events[event].attributes.is_none());
        let unread = BTreeSet::from_iter(unread);
        let unread: Vec<Hash> = unread.iter().map(|&event| self.hashes[event]).collect();
        self.open(&unread, &mut Vec::new()).await?;
        for walk in walks {
            if walk.wants_attributes_of().is_some() {
                walk.go_to_attribute(&self.graph, rng);
            }
        }
        Ok(())
    }

    /// Lists the events of these attributes, unless they are listed or more than `most`.
    async fn list(&mut self, attributes: &[usize], most: usize) -> Result<(), S::Error> {
        if attributes.is_empty() {
            return Ok(());
        }
        let unlisted = attributes.iter();
        let unlisted = unlisted.filter(|&&attribute| self.graph.attributes[attribute].is_none());
        let unlisted: Vec<Hash> = unlisted.map(|&attribute| self.names[attribute]).collect();
        let rows = self
            .source
            .events_of_attributes(&unlisted, most, usize::MAX);
        let rows = rows.await?;
        self.add_hubs(&rows, most);
        self.add(rows, &mut Vec::new());
        Ok(())
    }

    /// Returns the hubs that need more draws than there are, with the number that each needs, and the draws.
    fn draws_wanted(&mut self, walks: &[Walk]) -> (Vec<(Stop, usize)>, Vec<Draw>) {
        let mut uses: BTreeMap<Stop, usize> = BTreeMap::new();
        let stops = walks.iter().filter_map(Walk::wants_event_of);
        let stops = stops.filter(|(attribute, _)| {
            self.graph.attributes[*attribute].is_none() && self.is_hub(*attribute)
        });
        for stop in stops {
            *uses.entry(stop).or_default() += 1;
        }
        let mut places = Vec::new();
        let mut wanted = Vec::new();
        for (place, uses) in uses {
            let (attribute, hop) = place;
            let draws = self.draws.entry(place).or_default();
            let needed = draws.used + uses;
            if needed <= draws.events.len() {
                continue;
            }
            let (target, hub) = (self.hashes[0], self.names[attribute]);
            places.push((place, needed));
            wanted.push(Draw {
                hub,
                part: hop as u8,
                // the place also depends on the target, so that nobody can choose hashes that are drawn for all targets
                from: Hash::of(&[&target.to_string(), &hub.to_string()]),
                events: DRAWN.max(needed),
            });
        }
        (places, wanted)
    }

    /// Keeps the events that were drawn. A hub with too few of them is listed.
    async fn add_drawn(
        &mut self,
        places: Vec<(Stop, usize)>,
        drawn: Vec<Vec<OpenEvent>>,
    ) -> Result<(), S::Error> {
        let mut few = Vec::new();
        for (events, (place, needed)) in drawn.into_iter().zip(places) {
            let events = events.into_iter();
            let events: Vec<usize> = events.map(|event| self.number_open(event)).collect();
            if events.len() < needed {
                few.push(place.0);
            }
            self.draws.entry(place).or_default().events = events;
        }
        self.list(&few, LISTED).await
    }
}
