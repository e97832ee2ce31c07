//! The graph around an event, read as far as the paths of its rank go, and as far as its time goes.
//!
//! Level by level from the target, in batches: the attributes of the events of a level, then the events of those
//! attributes, which are the next level. Hubs, and what time and limits leave unread, are gaps of the graph; what is
//! behind these is found out by walks, for which the rest of the time is.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use tahoe_core::Hash;

use crate::draws::Draws;
use crate::graph::{Event, Graph, HOPS};
use crate::limits::Limits;
use crate::search::{Rank, STEPS};
use crate::source::{AttributeEvents, EventTime, NodeKind, Source};
use crate::walks::{Gaps, Stop};

/// Events whose attributes are read at once, and attributes whose events are: between batches the clock is looked at.
const EVENTS_AT_ONCE: usize = 250;
const ATTRIBUTES_AT_ONCE: usize = 25;
/// Until when the graph is read, in shares of the time; the rest is for the search.
const READING: f64 = 0.7;
/// The same where there are gaps, so that it will not be exact anyway; then comes the search, and then the walks.
const READING_WITH_GAPS: f64 = 0.25;
/// Time of the search where there are gaps, as a share of the whole time.
const SEARCH_WITH_GAPS: f64 = 0.15;

/// The graph around an event, as far as it is read.
pub struct Neighbourhood<'a, S> {
    pub(crate) source: &'a S,
    target: EventTime,
    now: f64,
    pub(crate) graph: Graph,
    /// Hashes of the graph's attributes.
    pub(crate) names: Vec<Hash>,
    /// Hashes of the graph's events; the first is the target.
    pub(crate) hashes: Vec<Hash>,
    /// Numbers of the graph's events.
    events: HashMap<Hash, usize>,
    /// Numbers of the graph's attributes; none for objects.
    pub(crate) nodes: HashMap<Hash, Option<usize>>,
    /// Attributes that are hubs to walks.
    pub(crate) hubs: BTreeSet<usize>,
    /// Events drawn from the hubs so far.
    pub(crate) draws: HashMap<Stop, Draws>,
    /// Unread parts of the graph, once the search has begun.
    pub(crate) gaps: Option<Gaps>,
    /// Rest of the limits.
    pub(crate) limits: Limits,
    began: Instant,
    /// When reading ends.
    until: Instant,
}

impl<'a, S: Source> Neighbourhood<'a, S> {
    /// Nothing but the target, whose rank is to be as of `now`, in Unix seconds. The limits' time began at `began`.
    pub fn new(source: &'a S, target: EventTime, now: f64, limits: Limits, began: Instant) -> Self {
        let mut around = Self {
            source,
            target,
            now,
            graph: Graph::default(),
            names: Vec::new(),
            hashes: Vec::new(),
            events: HashMap::new(),
            nodes: HashMap::new(),
            hubs: BTreeSet::new(),
            draws: HashMap::new(),
            gaps: None,
            limits,
            began,
            until: began + limits.time.mul_f64(READING),
        };
        around.number(target);
        around
    }

    /// Reads what the rank depends on, as far as the limits allow.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn read(&mut self) -> Result<(), S::Error> {
        // the rank of a malicious event does not depend on others
        if !self.target.malicious {
            self.read_levels().await?;
        }
        Ok(())
    }

    async fn read_levels(&mut self) -> Result<(), S::Error> {
        let mut level = vec![self.target];
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

    /// The rank by what was read: exact if there are no gaps. It works for up to the limits' time without waiting for
    /// anything.
    pub fn search(&mut self) -> Rank {
        let gaps = Gaps::of(&self.graph);
        let until = match gaps.mass() > 0.0 {
            // reading may have taken its time before it came to a gap
            true => Instant::now() + self.limits.time.mul_f64(SEARCH_WITH_GAPS),
            false => self.after(1.0),
        };
        self.gaps = Some(gaps);
        self.graph.rank(STEPS, Some(until))
    }

    /// The hashes of the attributes, in the order of [`Rank::contributions`].
    pub fn attributes(&self) -> &[Hash] {
        &self.names
    }

    /// The event's number in the graph, and whether it is new there.
    pub(crate) fn number(&mut self, event: EventTime) -> (usize, bool) {
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
    async fn read_attributes(&mut self, mut events: Vec<EventTime>) -> Result<Vec<Hash>, S::Error> {
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
    pub(crate) async fn open(
        &mut self,
        events: &[Hash],
        fresh: &mut Vec<Hash>,
    ) -> Result<usize, S::Error> {
        let rows = self.source.event_refs(events).await?;
        let unknown: BTreeSet<Hash> = rows
            .iter()
            .flat_map(|row| &row.refs)
            .filter(|hash| !self.nodes.contains_key(hash))
            .copied()
            .collect();
        let unknown = unknown.into_iter().collect();
        for NodeKind { hash, is_attribute } in self.source.kinds(unknown).await? {
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
    async fn read_events(&mut self, attributes: Vec<Hash>) -> Result<Vec<EventTime>, S::Error> {
        let mut fresh = Vec::new();
        for part in attributes.chunks(ATTRIBUTES_AT_ONCE) {
            if self.is_late() {
                break;
            }
            let (hub, room) = (self.limits.hub, self.limits.edges);
            let listed = self.source.events_of_attributes(part, hub, room);
            let listed = listed.await?;
            let whole = listed.len() == part.len();
            if !whole || listed.iter().any(|row| row.events.is_none()) {
                self.hurry();
            }
            self.add(listed, &mut fresh);
        }
        Ok(fresh)
    }

    pub(crate) fn add(&mut self, rows: Vec<AttributeEvents>, fresh: &mut Vec<EventTime>) {
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
    pub(crate) fn after(&self, share: f64) -> Instant {
        self.began + self.limits.time.mul_f64(share)
    }
}
