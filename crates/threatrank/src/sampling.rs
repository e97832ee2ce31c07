//! Reads for walks through the gaps of the graph, for many walks at once.
//!
//! Events of hubs are drawn from a sample in the order of hashes, for each hub from another place on: hubs have events in
//! common, and should not give the same ones. Each hop has a part of the sample for itself: an event that was drawn from
//! one hub is in the sample, so the next hub, were it drawn from the same part, would give it far too often. As it is, it
//! never gives it, where it should once in as many draws as the hub has events: that is what [`OVERRATED`] is for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tahoe_core::Hash;

use crate::draws::Draws;
use crate::graph::HOPS;
use crate::neighbourhood::Neighbourhood;
use crate::search::Rank;
use crate::source::{Draw, Source};
use crate::walks::{Gaps, Stop, Walk, Walked};

/// Until when the walks go, as a share of the time.
const WALKS: f64 = 0.95;
/// Walks that set out together at least and at most, and how many times as many as before at most.
pub const WALKERS: usize = 12;
const MOST_WALKERS: usize = 1_000;
const GROWTH: usize = 4;
/// The next ones are to take such a part of the time that is left, for they may take longer than those before, and do not
/// count if they are not at their end in time.
const ROUNDS: usize = 3;
/// An attribute of more events is a hub to walks: what they need of it is drawn.
const HUB: usize = 200;
/// Share by which the paths that walks find may be overrated: each of three draws should lead back to one of the
/// one, two or three events before it with a chance of one in over [`HUB`] for each.
const OVERRATED: f64 = (1 + 2 + 3) as f64 / HUB as f64;
/// The fewest events that are drawn of a hub.
const DRAWN: usize = 32;
/// The most events of an attribute that are listed because too few of them can be drawn.
const LISTED: usize = 100_000;

impl<S: Source> Neighbourhood<'_, S> {
    /// Walks through the gaps as long as there is time, and adds to the rank what that finds. The same target is walked
    /// from in the same ways.
    ///
    /// # Errors
    /// Those of the source.
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
        let mut walked = Walked::new(OVERRATED);
        let (until, end) = (self.after(WALKS), self.after(1.0));
        let mut walkers = WALKERS;
        // of a walk, in seconds
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
            // how many more there is time for, should they find nothing in the server's cache either
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

    /// These walks, to their end; nothing if that takes too long, or a hub has no more to draw: then none of them counts,
    /// whatever it found.
    async fn finish(
        &mut self,
        mut walks: Vec<Walk>,
        rng: &mut StdRng,
        end: Instant,
    ) -> Result<Option<Vec<Walk>>, S::Error> {
        for _ in 0..HOPS {
            let enough = self.go_to_events(&mut walks, rng).await?;
            // what is under way in the database must not be dropped
            if !enough || Instant::now() >= end {
                return Ok(None);
            }
            self.go_to_attributes(&mut walks, rng).await?;
        }
        Ok(Some(walks))
    }

    /// False: a hub has too few events to draw.
    async fn go_to_events(
        &mut self,
        walks: &mut [Walk],
        rng: &mut StdRng,
    ) -> Result<bool, S::Error> {
        let mut uses: BTreeMap<Stop, usize> = BTreeMap::new();
        for place in walks.iter().filter_map(Walk::wants_event_of) {
            *uses.entry(place).or_default() += 1;
        }
        let attributes = uses.keys().map(|(attribute, _)| *attribute);
        let attributes = BTreeSet::from_iter(attributes);
        let unknown: Vec<usize> = attributes.difference(&self.hubs).copied().collect();
        self.list(&unknown, HUB).await?;
        self.draw(&uses).await?;
        for walk in walks {
            let Some(place) = walk.wants_event_of() else {
                continue;
            };
            let event = match &self.graph.attributes[place.0] {
                // the event that led here may be gone meanwhile
                Some(events) if events.is_empty() => continue,
                Some(events) => Some(events[rng.random_range(0..events.len())]),
                None => self.draws.get_mut(&place).and_then(Draws::next),
            };
            match event {
                Some(event) => walk.go_to_event(event, &self.graph),
                None => return Ok(false),
            }
        }
        Ok(true)
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

    /// Lists the events of these attributes where that was not done before; those of more than `most` are hubs.
    async fn list(&mut self, attributes: &[usize], most: usize) -> Result<(), S::Error> {
        let unlisted = attributes.iter();
        let unlisted = unlisted.filter(|&&attribute| self.graph.attributes[attribute].is_none());
        let unlisted: Vec<Hash> = unlisted.map(|&attribute| self.names[attribute]).collect();
        let rows = self
            .source
            .events_of_attributes(&unlisted, most, usize::MAX);
        let rows = rows.await?;
        let hubs = rows.iter().filter(|row| row.events.is_none());
        let hubs = hubs.filter_map(|row| *self.nodes.get(&row.hash)?);
        self.hubs.extend(hubs);
        self.add(rows, &mut Vec::new());
        Ok(())
    }

    /// Draws as many events of each hub as are used, and more to come; where there are not enough it is listed.
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
                // another place for each target, too: nobody can choose hashes that are drawn for all
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
