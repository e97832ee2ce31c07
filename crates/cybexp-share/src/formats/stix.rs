//! A STIX 2.1 bundle: for each value its observable, an indicator, and the relationship between the two.

use std::collections::HashSet;

use serde_json::Value;

use crate::formats::WriteFeed;
use crate::ident::Uuid;
use crate::item::{FeedHead, Item};
use crate::stix::{Creator, FeedIds, Observable, indicator, marking, relationship};
use crate::stix::{Indicated, MARKINGS};
use crate::writer::Written;

struct Bundle {
    head: FeedHead,
    creator: Creator,
    /// The observables that are in the bundle: spellings of a value are one, and an id stands there once.
    observables: HashSet<String>,
}

pub(super) fn new(head: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(Bundle {
        creator: Creator::of(head),
        head: head.clone(),
        observables: HashSet::new(),
    })
}

/// Returns the objects that tell of the feed itself: its organisation, and the labels that it may hold.
pub fn head(head: &FeedHead, creator: &Creator) -> Vec<Value> {
    let labels = MARKINGS.into_iter().filter(|tlp| *tlp <= head.tlp);
    let identity = std::iter::once(creator.identity());
    identity.chain(labels.map(marking)).collect()
}

/// Returns the objects of a value; empty if STIX has none for it.
pub fn objects(item: &Item, head: &FeedHead, creator: &Creator) -> Vec<Value> {
    let Some(observable) = Observable::standard(&item.sub_type, &item.data) else {
        return Vec::new();
    };
    let name = format!("{} {}", item.sub_type, observable.name());
    let indicated = Indicated {
        name: &name,
        description: &item.reason,
        created: item.added,
        modified: item.changed,
        valid_from: item.seen.map_or(item.added, |(first, _)| first),
        tlp: item.tlp,
    };
    let ids = FeedIds::new(creator, &head.name);
    let id = ids.of("indicator", &observable);
    let indicator = indicator(&id, &observable, &indicated, creator);
    // the specification has `based-on` for observed data alone
    let between = (id.as_str(), "related-to", observable.id());
    let id = ids.of("relationship", &observable);
    let related = relationship(&id, between, &indicated, creator);
    // an observable belongs to nobody: it has the same id in all bundles, so it says nothing of who saw it
    vec![observable.object(), indicator, related]
}

fn write(object: &Value, out: &mut Vec<u8>) {
    // writing to memory does not fail
    let _ = serde_json::to_writer(out, object);
}

impl WriteFeed for Bundle {
    fn begin(&mut self, out: &mut Vec<u8>) {
        let seq = self.head.seq.to_string();
        let id = Uuid::random_like(&["bundle", &self.head.organisation, &self.head.name, &seq]);
        out.extend(format!("{{\"type\":\"bundle\",\"id\":\"bundle--{id}\",\"objects\":[").bytes());
        for (n, object) in head(&self.head, &self.creator).iter().enumerate() {
            if n > 0 {
                out.extend(b",\n");
            }
            write(object, out);
        }
    }

    fn item(&mut self, item: &Item, out: &mut Vec<u8>) -> bool {
        let objects = objects(item, &self.head, &self.creator);
        let id = objects
            .first()
            .and_then(|observable| observable["id"].as_str());
        if id.is_some_and(|id| !self.observables.insert(id.to_owned())) {
            return true;
        }
        for object in &objects {
            out.extend(b",\n");
            write(object, out);
        }
        !objects.is_empty()
    }

    fn end(&mut self, _: &Written, out: &mut Vec<u8>) {
        out.extend(b"]}\n");
    }
}
