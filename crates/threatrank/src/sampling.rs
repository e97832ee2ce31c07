//! Reads for walks through the gaps of the graph, for many walks at once.
//!
//! Events of hubs are drawn from a sample in the order of hashes. Each hub starts at another place, because hubs have
//! events in common and should not give the same ones. Each hop draws from its own part of the sample. The reason is
//! that an event drawn from one hub is in the sample, so the next hub would give it far too often if it were drawn from
//! the same part. With separate parts, the next hub never gives it, although it should with a probability of one over
//! the number of the hub's events. `Walk::go_to_drawn` accounts for that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tahoe_core::Hash;

use crate::draws::Draws;
use crate::graph::HOPS;
use crate::neighbourhood::Neighbourhood;
use crate::search::Rank;
use crate::source::{Draw, Pick, Picked, Source};
use crate::walks::{Gaps, Stop, Walk, Walked};

/// Share of the time within which walks are planned to end.
const WALKS: f64 = 0.95;
/// The fewest walks that set out together, the most, and the factor by which their number may grow from one round to
/// the next.
pub const WALKERS: usize = 12;
const MOST_WALKERS: usize = 1_000;
const GROWTH: usize = 4;
/// The next round may take one over this number of the remaining time. It may take longer than the rounds before, and
/// does not count if it is not finished in time.
const ROUNDS: usize = 3;
/// The most events of an attribute among which walks pick one. From an attribute with more, which is a hub to walks, they
/// draw events.
const HUB: usize = 200;
/// The fewest events drawn from a hub. Most hubs are met by one walk or two.
const DRAWN: usize = 8;
/// The most events of an attribute that are listed because too few of them can be drawn.
const LISTED: usize = 100_000;

impl<S: Source> Neighbourhood<'_, S> {
    /// Walks through the gaps as long as there is time, and adds the result to the rank. Walks from the same target are
    /// always the same.
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
        // seconds for one walk
        let mut worst = 0.0_f64;
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
            // the number of further walks in the remaining time, if they find nothing in the server's cache
            worst = worst.max(since.elapsed().as_secs_f64() / n as f64);
            let left = until.saturating_duration_since(Instant::now());
            let more = (left.as_secs_f64() / worst) as usize;
            if more < WALKERS {
                break;
            }
            let most = MOST_WALKERS.min(GROWTH * n);
            walkers = (more / ROUNDS).min(most).max(WALKERS);
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
        self.pick(walks, rng).await?;
        let mut uses: BTreeMap<Stop, usize> = BTreeMap::new();
        for place in walks.iter().filter_map(Walk::wants_event_of) {
            *uses.entry(place).or_default() += 1;
        }
        self.draw(&uses).await?;
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

    /// Moves walks on to events of attributes that are neither listed nor hubs.
    async fn pick(&mut self, walks: &mut [Walk], rng: &mut StdRng) -> Result<(), S::Error> {
        let is_hub = |attribute: usize| {
            let known = self.hubs.get(&attribute);
            known.is_some_and(|more_than| *more_than >= HUB)
        };
        let unknown = walks.iter_mut().filter_map(|walk| {
            let (attribute, _) = walk.wants_event_of()?;
            let listed = self.graph.attributes[attribute].is_some();
            (!listed && !is_hub(attribute)).then_some((attribute, walk))
        });
        let (attributes, walks): (Vec<usize>, Vec<&mut Walk>) = unknown.unzip();
        if attributes.is_empty() {
            return Ok(());
        }
        let picks = attributes.iter().map(|&attribute| Pick {
            attribute: self.names[attribute],
            at: rng.random(),
        });
        let picks: Vec<Pick> = picks.collect();
        let picked = self.source.pick_events(&picks, HUB).await?;
        for ((attribute, walk), picked) in attributes.into_iter().zip(walks).zip(picked) {
            match picked {
                Picked::Event(event) => {
                    let (event, _) = self.number(event);
                    walk.go_to_event(event, &self.graph);
                }
                Picked::TooMany => {
                    let known = self.hubs.entry(attribute).or_default();
                    *known = (*known).max(HUB);
                }
                Picked::Nothing => walk.stop(),
            }
        }
        Ok(())
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

    /// Draws the events of each hub that are used, and further ones in advance. A hub with too few events is listed.
    async fn draw(&mut self, uses: &BTreeMap<Stop, usize>) -> Result<(), S::Error> {
        let mut places = Vec::new();
        let mut wanted = Vec::new();
        for (&place, uses) in uses {
            let (attribute, hop) = place;
            if self.graph.attributes[attribute].is_some() {
                continue;
            }
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
                events: DRAWN.max(2 * needed),
            });
        }
        let drawn = self.source.draw_events(&wanted).await?;
        let mut few = Vec::new();
        for (events, (place, needed)) in drawn.into_iter().zip(places) {
            let events = events.into_iter();
            let events: Vec<usize> = events.map(|event| self.number(event).0).collect();
            if events.len() < needed {
                few.push(place.0);
            }
            self.draws.entry(place).or_default().events = events;
        }
        self.list(&few, LISTED).await
    }
}
