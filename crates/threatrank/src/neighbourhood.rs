//! The graph around an event, read as far as the paths of its rank and the time limit reach.
//!
//! The graph is read level by level from the target, in batches: first the attributes of a level's events, then the
//! events of those attributes, which are the next level. Hubs, and parts that time and limits leave unread, are gaps of
//! the graph. The rest of the time is for walks, which estimate what lies behind the gaps.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use tahoe_core::Hash;

use crate::draws::Draws;
use crate::graph::{EventNode, Graph, HOPS};
use crate::limits::Limits;
use crate::search::{Rank, STEPS};
use crate::source::{AttributeEvents, EventTime, NodeKind, OpenEvent, Source, Target};
use crate::walks::{Gaps, Stop};

/// The most events whose attributes are read at once, and the most attributes whose events are. The clock is checked
/// between batches.
const EVENTS_AT_ONCE: usize = 250;
const ATTRIBUTES_AT_ONCE: usize = 25;
/// Share of the time for reading the graph; the rest is for the search.
const READING: f64 = 0.7;
/// Share of the time for reading if there are gaps, so that the rank will not be exact. The search and the walks
/// follow.
const READING_WITH_GAPS: f64 = 0.25;
/// Share of the time for the search if there are gaps.
const SEARCH_WITH_GAPS: f64 = 0.08;

/// The part of the graph around an event that was read.
pub struct Neighbourhood<'a, S> {
    pub(crate) source: &'a S,
    target: Target,
    now: f64,
    pub(crate) graph: Graph,
    /// Hashes of the graph's attributes.
    pub(crate) names: Vec<Hash>,
    /// Hashes of the graph's events; the first is the target, or that of the attribute which is the target.
    pub(crate) hashes: Vec<Hash>,
    /// Indexes of the graph's events, by hash.
    events: HashMap<Hash, usize>,
    /// Indexes of the graph's attributes, by hash; `None` for objects.
    pub(crate) nodes: HashMap<Hash, Option<usize>>,
    /// Attributes that walks treat as hubs: each has more than this many events.
    pub(crate) hubs: BTreeMap<usize, usize>,
    /// Events drawn from the hubs so far.
    pub(crate) draws: HashMap<Stop, Draws>,
    /// Unread parts of the graph; `None` before the search begins.
    pub(crate) gaps: Option<Gaps>,
    /// The limits, less what was read.
    pub(crate) limits: Limits,
    began: Instant,
    /// The time at which reading ends.
    until: Instant,
}

impl<'a, S: Source> Neighbourhood<'a, S> {
    /// Makes a graph of only the target. Its rank is as of `now`, in Unix seconds. The time limit began at `began`.
    pub fn new(
        source: &'a S,
        target: impl Into<Target>,
        now: f64,
        limits: Limits,
        began: Instant,
    ) -> Self {
        let target = target.into();
        let mut around = Self {
            source,
            target: target.clone(),
            now,
            graph: Graph::default(),
            names: Vec::new(),
            hashes: Vec::new(),
            events: HashMap::new(),
            nodes: HashMap::new(),
            hubs: BTreeMap::new(),
            draws: HashMap::new(),
            gaps: None,
            limits,
            began,
            until: began + limits.time.mul_f64(READING),
        };
        match target {
            Target::Event(event) => drop(around.number(event)),
            Target::Attribute(forms) => around.stand_for(forms),
        }
        around
    }

    /// Makes event 0 the one that has only the target, an attribute in these forms.
    fn stand_for(&mut self, forms: Vec<Hash>) {
        let mut event = EventNode::new(self.now, false, self.now);
        event.attributes = Some((0..forms.len()).collect());
        self.graph.events.push(event);
        self.hashes
            .push(forms.first().copied().unwrap_or_else(|| Hash::of(&[])));
        for (number, form) in forms.into_iter().enumerate() {
            self.nodes.insert(form, Some(number));
            self.names.push(form);
            self.graph.attributes.push(None);
        }
    }

    /// Reads the part of the graph on which the rank depends, as far as the limits allow.
    ///
    /// # Errors
    /// If the source cannot be read.
    pub async fn read(&mut self) -> Result<(), S::Error> {
        match self.target.clone() {
            // the rank of a malicious event does not depend on other events
            Target::Event(target) if target.malicious => Ok(()),
            Target::Event(target) => {
                let attributes = self.read_attributes(vec![target]).await?;
                self.read_levels(attributes).await
            }
            Target::Attribute(forms) => {
                self.read_levels(forms.clone()).await?;
                for (number, form) in forms.into_iter().enumerate() {
                    let events = match &self.graph.attributes[number] {
                        Some(events) => events.len() as u64,
                        None => self.source.degree(form).await?,
                    };
                    self.graph.ends.insert(number, events as f64);
                }
                Ok(())
            }
        }
    }

    async fn read_levels(&mut self, mut attributes: Vec<Hash>) -> Result<(), S::Error> {
        let mut level = vec![];
        for hops in 1..=HOPS {
            if hops > 1 {
                attributes = self.read_attributes(std::mem::take(&mut level)).await?;
            }
            level = self.read_events(std::mem::take(&mut attributes)).await?;
            if hops == HOPS {
                // events this far away can only begin a path
                level.retain(|event| event.malicious);
            }
        }
        // an event's weight depends on the number of its attributes
        self.read_attributes(level).await?;
        Ok(())
    }

    /// Computes the rank by the part of the graph that was read. It is exact if there are no gaps. It takes up to the
    /// limits' time, and waits for nothing.
    pub fn search(&mut self) -> Rank {
        let gaps = Gaps::of(&self.graph);
        let until = match gaps.mass() > 0.0 {
            // reading may have taken its full time before it came to a gap
            true => Instant::now() + self.limits.time.mul_f64(SEARCH_WITH_GAPS),
            false => self.after(1.0),
        };
        self.gaps = Some(gaps);
        self.graph.rank(STEPS, Some(until))
    }

    /// Returns the number of events of the attribute that is the target, each form counted by itself; `None` if the
    /// target is an event.
    pub fn events_of_target(&self) -> Option<u64> {
        match self.target {
            Target::Event(_) => None,
            Target::Attribute(_) => Some(self.graph.ends.values().sum::<f64>() as u64),
        }
    }

    /// Returns the hashes of the attributes, in the order of [`Rank::contributions`].
    pub fn attributes(&self) -> &[Hash] {
        &self.names
    }

    /// Returns the event's index in the graph, and whether it was added.
    pub(crate) fn number(&mut self, event: EventTime) -> (usize, bool) {
        let next = self.graph.events.len();
        let hash = event.hash;
        let number = *self.events.entry(hash).or_insert(next);
        if number == next {
            let event = EventNode::new(event.timestamp, event.malicious, self.now);
            self.graph.events.push(event);
            self.hashes.push(hash);
        }
        (number, number == next)
    }

    /// Returns the index of an event in the graph. Its attributes are known from now on if they were read with it.
    pub(crate) fn number_open(&mut self, open: OpenEvent) -> usize {
        let (number, _) = self.number(open.event);
        if let Some(hashes) = open.attributes
            && self.graph.events[number].attributes.is_none()
        {
            let attributes = hashes.into_iter().filter_map(|hash| {
                let next = self.names.len();
                let known = *self.nodes.entry(hash).or_insert(Some(next));
                if known == Some(next) {
                    self.names.push(hash);
                    self.graph.attributes.push(None);
                }
                known
            });
            let attributes = BTreeSet::from_iter(attributes);
            self.graph.events[number].attributes = Some(attributes.into_iter().collect());
        }
        number
    }

    /// Reads the attributes of these events as far as the limits allow, the newest events first, because they weigh
    /// most. Returns the attributes that were not known before.
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

    /// Reads the attributes of these events, and adds new ones to the graph. Returns the number of `_ref` hashes that
    /// were read.
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

    /// Reads the events of these attributes, as far as the limits allow and the attributes are no hubs. Returns the
    /// events that were not known before.
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
            self.add_hubs(&listed, hub);
            self.add(listed, &mut fresh);
        }
        Ok(fresh)
    }

    /// Remembers the attributes that were not listed because they have more than this many events.
    pub(crate) fn add_hubs(&mut self, rows: &[AttributeEvents], more_than: usize) {
        for row in rows.iter().filter(|row| row.events.is_none()) {
            if let Some(&Some(attribute)) = self.nodes.get(&row.hash) {
                let known = self.hubs.entry(attribute).or_default();
                *known = (*known).max(more_than);
            }
        }
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

    /// Shortens the time for reading, because there will be gaps.
    fn hurry(&mut self) {
        self.until = self.until.min(self.after(READING_WITH_GAPS));
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Returns the time at which this share of the time limit is over.
    pub(crate) fn after(&self, share: f64) -> Instant {
        self.began + self.limits.time.mul_f64(share)
    }
}
