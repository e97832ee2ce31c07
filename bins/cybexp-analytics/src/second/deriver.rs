//! Derives events from attributes and sessions, without input or output.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cybexp_filters::second::{Input, Networks, SecondFilter, SessionInput, Source};
use cybexp_store::{DerivedFrom, GraphBatch, Rederived, SessionRead};
use metrics::counter;
use tahoe_core::{Attribute, Event, Hash, Node, OrgId};

use super::memory::{Key, Memory};
use super::standing::Standings;

/// The filters of the second stage with their data; cheap to clone.
#[derive(Clone)]
pub(crate) struct Deriver {
    filters: Arc<Vec<&'static dyn SecondFilter>>,
    networks: Arc<Networks>,
    standings: Standings,
    memory: Arc<Mutex<Memory>>,
}

/// Attributes that were read for a batch, to be remembered once the batch is written.
#[derive(Debug)]
pub(crate) struct Met {
    keys: Vec<Key>,
    since: Instant,
}

impl Deriver {
    /// Makes the second stage of these filters. Those that lack their data rest.
    pub(crate) fn new(
        filters: &[&'static dyn SecondFilter],
        networks: Arc<Networks>,
        standings: Standings,
    ) -> Self {
        let filters = filters.iter().copied();
        let filters = filters.filter(|filter| filter.id(&networks).is_some());
        Self {
            filters: Arc::new(filters.collect()),
            networks,
            standings,
            memory: Arc::new(Mutex::new(Memory::new())),
        }
    }

    /// Returns the databases of networks.
    pub(crate) fn networks(&self) -> &Networks {
        &self.networks
    }

    /// Adds to a batch what the filters derive from the attributes that its observed events hold, once for each attribute
    /// and organisation. Attributes that were met a moment ago cost nothing.
    pub(crate) fn derive(&self, graph: &mut GraphBatch) -> Met {
        let since = Instant::now();
        let filters: Vec<&'static dyn SecondFilter> = self
            .filters
            .iter()
            .copied()
            .filter(|filter| matches!(filter.source(), Source::Attributes(_)))
            .filter(|filter| self.standings.is_current(filter.name()))
            .collect();
        let mut met: BTreeMap<Key, (OrgId, Attribute)> = BTreeMap::new();
        {
            let mut memory = self.memory();
            for event in graph.observed() {
                each_attribute(event, &mut |attribute| {
                    if !filters.iter().any(|filter| reads(*filter, attribute)) {
                        return;
                    }
                    let key = memory.key(event.orgid(), attribute.hash());
                    if !memory.knows(&key) {
                        met.entry(key)
                            .or_insert_with(|| (event.orgid().clone(), attribute.clone()));
                    }
                });
            }
        }
        for (orgid, attribute) in met.values() {
            for filter in filters.iter().filter(|filter| reads(**filter, attribute)) {
                for event in self.of_attribute(*filter, orgid, attribute) {
                    let source = DerivedFrom::Attribute(attribute.hash());
                    graph.add_derived(event, source, filter.name());
                }
            }
        }
        Met {
            keys: met.into_keys().collect(),
            since,
        }
    }

    /// Remembers the attributes of a batch, once it is written.
    pub(crate) fn learn(&self, met: Met) {
        self.memory().learn(met.keys, met.since);
    }

    /// Adds to a batch what a filter derives from an attribute, and returns it.
    pub(crate) fn rederive(
        &self,
        filter: &'static dyn SecondFilter,
        orgid: OrgId,
        attribute: &Attribute,
        graph: &mut GraphBatch,
    ) -> Rederived {
        let events = self.of_attribute(filter, &orgid, attribute);
        let source = DerivedFrom::Attribute(attribute.hash());
        let made = add(events, source, filter, graph);
        Rederived {
            orgid,
            source,
            made,
        }
    }

    /// Adds to a batch what a filter derives from a session, and returns it.
    pub(crate) fn of_session(
        &self,
        filter: &'static dyn SecondFilter,
        read: &SessionRead,
        graph: &mut GraphBatch,
    ) -> Rederived {
        let input = Input::Session(SessionInput {
            session: &read.session,
            events: &read.events,
        });
        let events = self.run(filter, &input);
        let source = DerivedFrom::Session(read.session.hash());
        let made = add(events, source, filter, graph);
        Rederived {
            orgid: read.orgid.clone(),
            source,
            made,
        }
    }

    fn of_attribute(
        &self,
        filter: &'static dyn SecondFilter,
        orgid: &OrgId,
        attribute: &Attribute,
    ) -> Vec<Event> {
        self.run(filter, &Input::Attribute { attribute, orgid })
    }

    /// Runs a filter. One that panics makes nothing: what it reads was written by attackers.
    fn run(&self, filter: &'static dyn SecondFilter, input: &Input<'_>) -> Vec<Event> {
        let made = catch_unwind(AssertUnwindSafe(|| filter.run(input, &self.networks)));
        made.unwrap_or_else(|_| {
            counter!("cybexp_analytics_second_panics_total", "filter" => filter.name())
                .increment(1);
            tracing::error!(
                filter = filter.name(),
                "the filter panicked: please report this"
            );
            Vec::new()
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(
    events: Vec<Event>,
    source: DerivedFrom,
    filter: &'static dyn SecondFilter,
    graph: &mut GraphBatch,
) -> Vec<Hash> {
    let made = events.iter().map(Event::hash).collect();
    for event in events {
        graph.add_derived(event, source, filter.name());
    }
    made
}

fn reads(filter: &dyn SecondFilter, attribute: &Attribute) -> bool {
    let sub_type = attribute.sub_type().as_str();
    filter.source().sub_types().contains(&sub_type)
}

/// Calls `found` for each attribute that an event refers to.
fn each_attribute(event: &Event, found: &mut impl FnMut(&Attribute)) {
    let mut left: Vec<&Node> = event.children().iter().collect();
    while let Some(node) = left.pop() {
        match node {
            Node::Attribute(attribute) => found(attribute),
            Node::Object(object) => left.extend(object.children().iter()),
        }
    }
}
