//! The graph around an event, read as far as the paths of its rank go, and as far as its time goes.
//!
//! Level by level from the target, in batches: the attributes of the events of a level, then the events of those
//! attributes, which are the next level. Hubs, and what time and limits leave unread, are gaps of the graph; what is
//! behind these is found out by walks, for which the rest of the time is.

mod sampling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use cybexp_store::{AttributeEvents, EventTime, GraphReader, NodeKind, StoreError, Visible};
use serde_json::{Value, json};
use tahoe_core::Hash;

use crate::Engine;
use crate::remembered::Remembered;
use crate::threatrank::{Event, Gaps, Graph, HOPS, Place, Rank, STEPS};
use sampling::Draws;

/// How much is read for a rank.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The longest to read and to search for paths.
    pub(crate) time: Duration,
    /// An attribute of more events is a hub.
    pub(crate) hub: usize,
    /// Events of attributes that are listed; an event counts once for each attribute.
    pub(crate) edges: usize,
    /// Events whose attributes are read.
    pub(crate) events: usize,
    /// About as many `_ref`s of events are read.
    pub(crate) refs: usize,
    /// Walks through the gaps.
    pub(crate) walks: usize,
}

impl Limits {
    pub(crate) fn new(time: Duration) -> Self {
        Self {
            time,
            hub: 2_000,
            edges: 200_000,
            events: 10_000,
            refs: 500_000,
            walks: 10_000,
        }
    }
}

/// Events whose attributes are read at once, and attributes whose events are: between batches the clock is looked at.
const EVENTS_AT_ONCE: usize = 250;
const ATTRIBUTES_AT_ONCE: usize = 25;
/// Until when the graph is read, in shares of the time; the rest is for the search.
const READING: f64 = 0.7;
/// The same where there are gaps, so that it will not be exact anyway; then comes the search, and then the walks.
const READING_WITH_GAPS: f64 = 0.25;
/// How long that search may take.
const SEARCH_WITH_GAPS: f64 = 0.15;
const WALKS: f64 = 0.95;
/// Attributes that a report names.
const NAMED: usize = 20;

impl Engine {
    /// A report's data on an event as of `now`, in Unix seconds; nothing if there is none that `visible` shows.
    pub(crate) async fn threatrank(
        &self,
        event: Hash,
        now: f64,
        visible: &Visible,
    ) -> Result<Option<Value>, StoreError> {
        let (began, time) = (Instant::now(), self.limits.time);
        let Some(target) = self.archive.event_time(event, visible).await? else {
            return Ok(None);
        };
        let mut around = Neighbourhood::new(self, visible, now, began);
        // the rank of a malicious event does not depend on others
        if target.malicious {
            around.number(target);
        } else {
            around.read(target).await?;
        }
        let gaps = Gaps::of(&around.graph);
        let until = match gaps.mass() > 0.0 {
            // reading may have taken its time before it came to a gap
            true => Instant::now() + time.mul_f64(SEARCH_WITH_GAPS),
            false => around.after(1.0),
        };
        let rank = || around.graph.rank(STEPS, Some(until));
        let mut rank = tokio::task::block_in_place(rank);
        if gaps.mass() > 0.0 {
            let walked = around.walk(&gaps).await?;
            rank.add(&gaps, &walked);
        }
        let contributors = self.contributors(&rank, &around.names).await?;
        Ok(Some(json!({
            "score": rank.score,
            "paths": rank.paths,
            "exact": rank.error_bound == 0.0,
            "error_bound": rank.error_bound,
            "contributors": contributors,
            "_hash": event,
        })))
    }

    /// The attributes that contributed most, with the share of the score that came through each.
    async fn contributors(&self, rank: &Rank, names: &[Hash]) -> Result<Vec<Value>, StoreError> {
        let contributions = rank.contributions.iter().zip(names);
        let mut most: Vec<(f64, Hash)> = contributions
            .filter(|(contribution, _)| **contribution < 0.0)
            .map(|(contribution, name)| (contribution / rank.score, *name))
            .collect();
        most.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        most.truncate(NAMED);
        let nodes = self.nodes(most.iter().map(|(_, hash)| *hash)).await?;
        let nodes: HashMap<Hash, _> = nodes.into_iter().map(|node| (node.hash, node)).collect();
        let rows = most.iter().filter_map(|(share, hash)| {
            let node = nodes.get(hash)?;
            Some(json!({"sub_type": node.sub_type, "data": node.data, "share": share}))
        });
        Ok(rows.collect())
    }
}

/// What is read so far.
struct Neighbourhood<'a> {
    archive: &'a GraphReader,
    kinds: &'a Remembered<NodeKind>,
    visible: &'a Visible,
    now: f64,
    graph: Graph,
    /// Of the graph's attributes.
    names: Vec<Hash>,
    /// Of the graph's events; the first is the target.
    hashes: Vec<Hash>,
    /// Numbers of the graph's events.
    events: HashMap<Hash, usize>,
    /// Numbers of the graph's attributes; none for objects.
    nodes: HashMap<Hash, Option<usize>>,
    /// Attributes that are hubs to walks.
    hubs: BTreeSet<usize>,
    /// What was drawn of these.
    draws: HashMap<Place, Draws>,
    /// What is left of them.
    limits: Limits,
    began: Instant,
    /// When reading ends.
    until: Instant,
}

impl<'a> Neighbourhood<'a> {
    fn new(engine: &'a Engine, visible: &'a Visible, now: f64, began: Instant) -> Self {
        let limits = engine.limits;
        Self {
            archive: &engine.archive,
            kinds: &engine.kinds,
            visible,
            now,
            graph: Graph::default(),
            names: Vec::new(),
            hashes: Vec::new(),
            events: HashMap::new(),
            nodes: HashMap::new(),
            hubs: BTreeSet::new(),
            draws: HashMap::new(),
            limits,
            began,
            until: began + limits.time.mul_f64(READING),
        }
    }

    async fn read(&mut self, target: EventTime) -> Result<(), StoreError> {
        self.number(target);
        let mut level = vec![target];
        for hops in 1..=HOPS {
            let attributes = self.read_attributes(level).await?;
            level = self.read_events(attributes).await?;
            if hops == HOPS {
                // what is this far away can only begin a path
                level.retain(|event| event.malicious);
            }
        }
        // an event's weight follows from how many they are
        self.read_attributes(level).await?;
        Ok(())
    }

    /// The event's number in the graph, and whether it is new there.
    fn number(&mut self, event: EventTime) -> (usize, bool) {
        let next = self.graph.events.len();
        let hash = event.hash;
        let number = *self.events.entry(hash).or_insert(next);
        if number == next {
            let event = Event::new(event.timestamp, event.malicious, self.now);
            self.graph.events.push(event);
            self.hashes.push(hash);
        }
        (number, number == next)
    }

    /// Reads which attributes these events have, as far as there is room, the newest first, for they weigh most;
    /// gives the attributes not seen before.
    async fn read_attributes(
        &mut self,
        mut events: Vec<EventTime>,
    ) -> Result<Vec<Hash>, StoreError> {
        events.sort_unstable_by(|a, b| {
            let newest_first = b.timestamp.total_cmp(&a.timestamp);
            newest_first.then(a.hash.cmp(&b.hash))
        });
        if events.len() > self.limits.events {
            self.hurry();
        }
        events.truncate(self.limits.events);
        self.limits.events -= events.len();
        let mut fresh = Vec::new();
        for part in events.chunks(EVENTS_AT_ONCE) {
            // without the target's own attributes there is no bound
            let is_target = self.names.is_empty();
            if !is_target && (self.limits.refs == 0 || self.is_late()) {
                self.hurry();
                break;
            }
            let part: Vec<Hash> = part.iter().map(|event| event.hash).collect();
            let refs = self.open(&part, &mut fresh).await?;
            self.limits.refs = self.limits.refs.saturating_sub(refs);
        }
        Ok(fresh)
    }

    /// Reads which attributes these events have, and notes those that were not seen before; gives how many `_ref`s that
    /// were.
    async fn open(&mut self, events: &[Hash], fresh: &mut Vec<Hash>) -> Result<usize, StoreError> {
        let rows = self.archive.event_refs(events, self.visible).await?;
        let unknown: BTreeSet<Hash> = rows
            .iter()
            .flat_map(|row| &row.refs)
            .filter(|hash| !self.nodes.contains_key(hash))
            .copied()
            .collect();
        let read = async |unknown: Vec<Hash>| self.archive.kinds(&unknown).await;
        for NodeKind { hash, is_attribute } in self.kinds.of(unknown, read).await? {
            let number = is_attribute.then_some(self.names.len());
            self.nodes.insert(hash, number);
            if is_attribute {
                self.names.push(hash);
                self.graph.attributes.push(None);
                fresh.push(hash);
            }
        }
        for row in &rows {
            let nodes = row.refs.iter().filter_map(|hash| self.nodes.get(hash));
            let attributes = nodes.filter_map(|number| *number);
            let attributes = BTreeSet::from_iter(attributes);
            let event = &mut self.graph.events[self.events[&row.hash]];
            event.attributes = Some(attributes.into_iter().collect());
        }
        Ok(rows.iter().map(|row| row.refs.len()).sum())
    }

    /// Reads which events refer to these attributes, as far as there is room and they are no hubs; gives the events not
    /// seen before.
    async fn read_events(&mut self, attributes: Vec<Hash>) -> Result<Vec<EventTime>, StoreError> {
        let mut fresh = Vec::new();
        for part in attributes.chunks(ATTRIBUTES_AT_ONCE) {
            if self.is_late() {
                break;
            }
            let (hub, room) = (self.limits.hub, self.limits.edges);
            let listed = self
                .archive
                .events_of_attributes(part, self.visible, hub, room);
            let listed = listed.await?;
            let whole = listed.len() == part.len();
            if !whole || listed.iter().any(|row| row.events.is_none()) {
                self.hurry();
            }
            self.add(listed, &mut fresh);
        }
        Ok(fresh)
    }

    fn add(&mut self, rows: Vec<AttributeEvents>, fresh: &mut Vec<EventTime>) {
        for row in rows {
            let (Some(events), Some(&Some(attribute))) = (row.events, self.nodes.get(&row.hash))
            else {
                continue;
            };
            self.limits.edges = self.limits.edges.saturating_sub(events.len());
            let numbers = events.iter().map(|event| {
                let (number, new) = self.number(*event);
                fresh.extend(new.then_some(*event));
                number
            });
            let mut numbers: Vec<usize> = numbers.collect();
            numbers.sort_unstable();
            self.graph.attributes[attribute] = Some(numbers);
        }
    }

    /// There will be gaps.
    fn hurry(&mut self) {
        self.until = self.until.min(self.after(READING_WITH_GAPS));
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.until
    }

    /// When so much of the time is over.
    fn after(&self, share: f64) -> Instant {
        self.began + self.limits.time.mul_f64(share)
    }
}
