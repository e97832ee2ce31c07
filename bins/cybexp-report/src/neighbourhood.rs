//! The graph around an event, read as far as the paths of its rank go.
//!
//! Level by level from the target, in batches: the attributes of the events of a level, then the events of those
//! attributes, which are the next level. What the limits leave unread is a gap of the graph, and its effect on the
//! rank is bounded.

use std::collections::{BTreeSet, HashMap};

use cybexp_store::{Archive, EventTime, StoreError, Visible};
use serde_json::{Value, json};
use tahoe_core::Hash;

use crate::Desk;
use crate::threatrank::{Event, Graph, HOPS, Rank, STEPS};

/// An attribute of more events is a hub, and paths through it are left out.
const HUB: usize = 2_000;
/// The most events of attributes that are listed; an event counts once for each attribute.
const EDGES: usize = 200_000;
/// The most events whose attributes are read.
const EVENTS: usize = 10_000;
/// About as many `_ref`s of events are read.
const REFS: usize = 500_000;
/// Events whose attributes are read at once.
const PART: usize = 1_000;
/// Attributes that a report names.
const NAMED: usize = 20;

impl Desk {
    /// A report's data on an event as of `now`, in Unix seconds; nothing if there is none that `visible` shows.
    pub(crate) async fn threatrank(
        &self,
        event: Hash,
        now: f64,
        visible: &Visible,
    ) -> Result<Option<Value>, StoreError> {
        let Some(target) = self.archive.event_time(event, visible).await? else {
            return Ok(None);
        };
        let mut around = Neighbourhood::new(&self.archive, visible, now);
        // the rank of a malicious event does not depend on others
        if target.malicious {
            around.number(target);
        } else {
            around.read(target).await?;
        }
        let rank = tokio::task::block_in_place(|| around.graph.rank(STEPS));
        let contributions = self.contributions(&rank, &around.names).await?;
        Ok(Some(json!({
            "threatrank": rank.score,
            "exact": rank.left_out == 0.0,
            "left_out": rank.left_out,
            "paths": rank.paths,
            "contributions": contributions,
            "_hash": event,
        })))
    }

    /// [[sub_type, value, contribution], …] of the attributes that contributed most.
    async fn contributions(&self, rank: &Rank, names: &[Hash]) -> Result<Vec<Value>, StoreError> {
        let contributions = rank.contributions.iter().zip(names);
        let mut most: Vec<(f64, Hash)> = contributions
            .filter(|(contribution, _)| **contribution < 0.0)
            .map(|(contribution, name)| (*contribution, *name))
            .collect();
        most.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        most.truncate(NAMED);
        let hashes: Vec<Hash> = most.iter().map(|(_, hash)| *hash).collect();
        let nodes = self.archive.nodes(&hashes, false).await?;
        let nodes: HashMap<Hash, _> = nodes.into_iter().map(|node| (node.hash, node)).collect();
        let rows = most.iter().filter_map(|(contribution, hash)| {
            let node = nodes.get(hash)?;
            Some(json!([node.sub_type, node.data, contribution]))
        });
        Ok(rows.collect())
    }
}

/// What is read so far.
struct Neighbourhood<'a> {
    archive: &'a Archive,
    visible: &'a Visible,
    now: f64,
    graph: Graph,
    /// Of the graph's attributes.
    names: Vec<Hash>,
    /// Numbers of the graph's events.
    events: HashMap<Hash, usize>,
    /// Numbers of the graph's attributes; none for objects.
    nodes: HashMap<Hash, Option<usize>>,
    room_for_edges: usize,
    room_for_events: usize,
    room_for_refs: usize,
}

impl<'a> Neighbourhood<'a> {
    fn new(archive: &'a Archive, visible: &'a Visible, now: f64) -> Self {
        Self {
            archive,
            visible,
            now,
            graph: Graph::default(),
            names: Vec::new(),
            events: HashMap::new(),
            nodes: HashMap::new(),
            room_for_edges: EDGES,
            room_for_events: EVENTS,
            room_for_refs: REFS,
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
        let number = *self.events.entry(event.hash).or_insert(next);
        if number == next {
            let event = Event::new(event.timestamp, event.malicious, self.now);
            self.graph.events.push(event);
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
        events.truncate(self.room_for_events);
        self.room_for_events -= events.len();
        let mut fresh = Vec::new();
        for part in events.chunks(PART) {
            if self.room_for_refs == 0 {
                break;
            }
            let part: Vec<Hash> = part.iter().map(|event| event.hash).collect();
            let rows = self.archive.visible_events(&part, self.visible).await?;
            let refs = rows.iter().map(|row| row.refs.len()).sum();
            self.room_for_refs = self.room_for_refs.saturating_sub(refs);
            let unknown: BTreeSet<Hash> = rows
                .iter()
                .flat_map(|row| &row.refs)
                .filter(|hash| !self.nodes.contains_key(hash))
                .copied()
                .collect();
            let unknown = Vec::from_iter(unknown);
            self.nodes.extend(unknown.iter().map(|hash| (*hash, None)));
            for attribute in self.archive.attributes_among(&unknown).await? {
                self.nodes.insert(attribute, Some(self.names.len()));
                self.names.push(attribute);
                self.graph.attributes.push(None);
                fresh.push(attribute);
            }
            for row in rows {
                let attributes = row.refs.iter().filter_map(|hash| self.nodes[hash]);
                let attributes = BTreeSet::from_iter(attributes);
                let event = &mut self.graph.events[self.events[&row.hash]];
                event.attributes = Some(attributes.into_iter().collect());
            }
        }
        Ok(fresh)
    }

    /// Reads which events refer to these attributes, as far as there is room; gives the events not seen before.
    async fn read_events(&mut self, attributes: Vec<Hash>) -> Result<Vec<EventTime>, StoreError> {
        let room = self.room_for_edges;
        let rows = self
            .archive
            .events_of_attributes(&attributes, self.visible, HUB, room);
        let mut fresh = Vec::new();
        for row in rows.await? {
            let (Some(events), Some(&Some(attribute))) = (row.events, self.nodes.get(&row.hash))
            else {
                continue;
            };
            self.room_for_edges = self.room_for_edges.saturating_sub(events.len());
            let numbers = events.iter().map(|event| {
                let (number, new) = self.number(*event);
                if new {
                    fresh.push(*event);
                }
                number
            });
            let numbers = numbers.collect();
            self.graph.attributes[attribute] = Some(numbers);
        }
        Ok(fresh)
    }
}
