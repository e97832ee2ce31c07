//! The second stage on instances in memory: for tests and tools. The analytics daemon does the same on the archive.

use std::collections::{BTreeMap, HashSet};

use tahoe_core::{Attribute, Event, Hash, Node, OrgId, Session};

use super::SECOND_FILTERS;
use super::filter::{Input, SecondFilter, SessionInput, Source};
use super::networks::Networks;
use crate::Yield;

/// Returns the derived events of what the first stage made, each once, with the filter that made it. A filter that rests
/// makes nothing.
///
/// ```
/// use cybexp_filters::second::{Networks, derive};
/// use cybexp_filters::{FILTERS, RawInput};
/// use serde_json::json;
/// use tahoe_core::{OrgId, Timestamp};
///
/// let orgid = OrgId::new("unr")?;
/// let sighting = FILTERS.iter().find(|filter| filter.name() == "sighting").unwrap();
/// let made = sighting.run(&RawInput {
///     data: &json!({"ipv4": "203.0.113.9"}),
///     orgid: &orgid,
///     timezone: "UTC",
///     timestamp: Timestamp::new(1_588_032_005.5)?,
/// })?;
/// let derived = derive(&[made], &orgid, &Networks::default());
/// assert!(derived.iter().any(|(filter, _)| filter.name() == "netblock"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn derive(
    made: &[Yield],
    orgid: &OrgId,
    networks: &Networks,
) -> Vec<(&'static dyn SecondFilter, Event)> {
    let attributes = attributes(made);
    let sessions = sessions(made);
    let mut derived = Vec::new();
    let mut seen = HashSet::new();
    for &filter in SECOND_FILTERS {
        if filter.id(networks).is_none() {
            continue;
        }
        let mut add = |input: &Input<'_>| {
            for event in filter.run(input, networks) {
                if seen.insert(event.hash()) {
                    derived.push((filter, event));
                }
            }
        };
        let reads = |sub_type: &str| filter.source().sub_types().contains(&sub_type);
        match filter.source() {
            Source::Attributes(_) => {
                let of_these = attributes
                    .iter()
                    .filter(|attribute| reads(attribute.sub_type().as_str()));
                of_these.for_each(|attribute| add(&Input::Attribute { attribute, orgid }));
            }
            Source::Sessions(_) => {
                let of_these = sessions
                    .iter()
                    .filter(|(session, _)| reads(session.sub_type().as_str()));
                of_these.for_each(|(session, events)| {
                    add(&Input::Session(SessionInput { session, events }))
                });
            }
        }
    }
    derived
}

/// Returns the attributes that events refer to, each once, in the order in which they are met.
fn attributes(made: &[Yield]) -> Vec<Attribute> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for event in made.iter().flat_map(|made| &made.events) {
        let mut left: Vec<&Node> = event.children().iter().collect();
        left.reverse();
        while let Some(node) = left.pop() {
            if !seen.insert(node.hash()) {
                continue;
            }
            match node {
                Node::Attribute(attribute) => found.push(attribute.clone()),
                Node::Object(object) => left.extend(object.children().iter()),
            }
        }
    }
    found
}

/// Returns the sessions, merged, with their events in order of time.
fn sessions(made: &[Yield]) -> Vec<(Session, Vec<Event>)> {
    let mut order = Vec::new();
    let mut merged: BTreeMap<Hash, Session> = BTreeMap::new();
    for session in made.iter().flat_map(|made| &made.sessions) {
        match merged.get_mut(&session.hash()) {
            Some(known) => known.merge(session),
            None => {
                order.push(session.hash());
                merged.insert(session.hash(), session.clone());
            }
        }
    }
    let events: BTreeMap<Hash, &Event> = made
        .iter()
        .flat_map(|made| &made.events)
        .map(|event| (event.hash(), event))
        .collect();
    let in_order = order.into_iter().filter_map(|hash| merged.remove(&hash));
    in_order
        .map(|session| {
            let of_it = session
                .events()
                .filter_map(|hash| events.get(&hash).copied());
            let mut of_it: Vec<Event> = of_it.cloned().collect();
            of_it.sort_by(|a, b| a.timestamp().get().total_cmp(&b.timestamp().get()));
            (session, of_it)
        })
        .collect()
}
