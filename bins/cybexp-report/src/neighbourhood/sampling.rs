//! What walks through the gaps of the graph want to know, read for many of them at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use cybexp_store::StoreError;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tahoe_core::Hash;

use super::{Neighbourhood, WALKS};
use crate::threatrank::{Gaps, HOPS, Walk, Walked};

/// Walks that set out together at first; so many times as many each time that there is time for it.
const WALKERS: usize = 12;
const GROWTH: usize = 4;
const MOST_WALKERS: usize = 1_000;
/// An attribute of more events is a hub to walks: what they need of it is drawn.
const HUB: usize = 16;
/// The fewest events that are drawn of a hub.
const DRAWN: usize = 32;
/// The most events of an attribute that are listed because too few of them can be drawn.
const LISTED: usize = 100_000;

/// Events of a hub, in the order of chance, from where this target's draws begin.
#[derive(Debug, Default)]
pub(super) struct Draws {
    events: Vec<usize>,
    used: usize,
}

impl Neighbourhood<'_> {
    /// Walks as long as there is time. The same target is walked from in the same ways.
    pub(super) async fn walk(&mut self, gaps: &Gaps) -> Result<Walked, StoreError> {
        let mut rng = StdRng::from_seed(*self.hashes[0].as_bytes());
        let mut walked = Walked::default();
        let (until, mut walkers) = (self.after(WALKS), WALKERS);
        // of a walk, in seconds
        let mut worst = 0.0_f64;
        let mut patience = self.after(2.0);
        while self.limits.walks > 0 {
            let since = Instant::now();
            let n = walkers.min(self.limits.walks);
            let enter = |_| gaps.enter(&self.graph, &mut rng);
            let walks: Vec<Walk> = (0..n).map(enter).collect();
            let Some(walks) = self.finish(walks, &mut rng, patience).await? else {
                break;
            };
            walked.add(walks);
            self.limits.walks -= n;
            patience = self.after(1.0);
            // how many more there is time for, should they find nothing in the server's cache either
            worst = worst.max(since.elapsed().as_secs_f64() / n as f64);
            let left = until.saturating_duration_since(Instant::now());
            let more = (left.as_secs_f64() / worst) as usize;
            if more < WALKERS {
                break;
            }
            walkers = more.min(GROWTH * n).min(MOST_WALKERS);
        }
        Ok(walked)
    }

    /// These walks, to their end; nothing if that takes too long: then none of them counts, whatever it found.
    async fn finish(
        &mut self,
        mut walks: Vec<Walk>,
        rng: &mut StdRng,
        until: Instant,
    ) -> Result<Option<Vec<Walk>>, StoreError> {
        for _ in 0..HOPS {
            self.go_to_events(&mut walks, rng).await?;
            self.go_to_attributes(&mut walks, rng).await?;
            if Instant::now() > until {
                return Ok(None);
            }
        }
        Ok(Some(walks))
    }

    async fn go_to_events(
        &mut self,
        walks: &mut [Walk],
        rng: &mut StdRng,
    ) -> Result<(), StoreError> {
        let mut uses: BTreeMap<usize, usize> = BTreeMap::new();
        for attribute in walks.iter().filter_map(Walk::wants_event_of) {
            *uses.entry(attribute).or_default() += 1;
        }
        let attributes: Vec<usize> = uses.keys().copied().collect();
        self.list(&attributes, HUB).await?;
        self.draw(&uses).await?;
        for walk in walks {
            let Some(attribute) = walk.wants_event_of() else {
                continue;
            };
            let event = match &self.graph.attributes[attribute] {
                Some(events) if events.is_empty() => None,
                Some(events) => Some(events[rng.random_range(0..events.len())]),
                None => self.draws.get_mut(&attribute).and_then(Draws::next),
            };
            if let Some(event) = event {
                walk.go_to_event(event, &self.graph);
            }
        }
        Ok(())
    }

    async fn go_to_attributes(
        &mut self,
        walks: &mut [Walk],
        rng: &mut StdRng,
    ) -> Result<(), StoreError> {
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

    /// Lists the events of these attributes where that was not done before, but not of those with more than `most`.
    async fn list(&mut self, attributes: &[usize], most: usize) -> Result<(), StoreError> {
        let unlisted = attributes.iter().filter(|&&attribute| {
            let is_hub = most == HUB && self.draws.contains_key(&attribute);
            self.graph.attributes[attribute].is_none() && !is_hub
        });
        let unlisted: Vec<Hash> = unlisted.map(|&attribute| self.names[attribute]).collect();
        let rows = self
            .archive
            .events_of_attributes(&unlisted, self.visible, most, usize::MAX);
        for row in rows.await? {
            if let (None, Some(&Some(attribute))) = (&row.events, self.nodes.get(&row.hash)) {
                self.draws.entry(attribute).or_default();
            }
            self.add(vec![row], &mut Vec::new());
        }
        Ok(())
    }

    /// Draws as many events of each hub as are used, and more to come.
    async fn draw(&mut self, uses: &BTreeMap<usize, usize>) -> Result<(), StoreError> {
        let short = |draws: &Draws, uses: usize| draws.used + uses > draws.events.len();
        let hubs = uses.iter().filter_map(|(&attribute, &uses)| {
            let draws = self.draws.get(&attribute)?;
            let unlisted = self.graph.attributes[attribute].is_none();
            (unlisted && short(draws, uses)).then(|| (attribute, 2 * (draws.used + uses)))
        });
        // of most hubs a few are enough
        let (few, many): (Vec<_>, Vec<_>) = hubs.partition(|(_, draws)| *draws <= DRAWN);
        let mut exhausted = Vec::new();
        for part in [few, many] {
            let draws = part.iter().map(|(_, draws)| *draws).max();
            let draws = draws.unwrap_or_default().max(DRAWN);
            let hubs: Vec<Hash> = part.iter().map(|(hub, _)| self.names[*hub]).collect();
            // another place for each target: nobody can choose hashes that are drawn for all
            let from = Hash::of(&["draws of ", &self.hashes[0].to_string()]);
            let rows = self
                .archive
                .draw_events(&hubs, self.visible, from, draws)
                .await?;
            for row in rows {
                let Some(&Some(attribute)) = self.nodes.get(&row.hash) else {
                    continue;
                };
                let events = row.events.iter().flatten();
                let events: Vec<usize> = events.map(|event| self.number(*event).0).collect();
                if let Some(draws) = self.draws.get_mut(&attribute) {
                    draws.events = events;
                    exhausted.extend(short(draws, uses[&attribute]).then_some(attribute));
                }
            }
        }
        self.list(&exhausted, LISTED).await
    }
}

impl Draws {
    /// The next one. That one comes twice is only where not even [`LISTED`] events are all, and so few of these can be drawn
    /// that somebody has chosen their hashes.
    fn next(&mut self) -> Option<usize> {
        let event = self.events.get(self.used % self.events.len().max(1));
        self.used += 1;
        event.copied()
    }
}
