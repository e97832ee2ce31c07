//! The events to which judgements move: those that a filter's new version makes in the place of judged ones.

use std::collections::{BTreeSet, HashMap, HashSet};

use tahoe_core::Hash;

use crate::graph::write::remove::Removable;

/// What a part of raws makes: the hashes, by the raw's element.
pub(crate) type MadeBy = HashMap<Vec<u8>, HashSet<Hash>>;

/// The place of an event: the element of its raw, its sub_type, the bits of its time.
type Place = (Vec<u8>, String, u64);

/// A search for the heirs of judged events, which is shown all that the raws make now.
pub(crate) struct Heirs<'a> {
    made: &'a MadeBy,
    found: HashMap<Place, BTreeSet<Hash>>,
}

impl<'a> Heirs<'a> {
    /// Begins the search for the heirs of these events.
    pub(crate) fn of(judged: &[Removable], made: &'a MadeBy) -> Self {
        let places = judged.iter().flat_map(|event| places(event, made));
        Self {
            made,
            found: places.map(|place| (place, BTreeSet::new())).collect(),
        }
    }

    /// Looks at an event that has an element of these raws.
    pub(crate) fn look(&mut self, event: &Removable) {
        for place in places(event, self.made) {
            let makes = |made: &HashSet<Hash>| made.contains(&event.hash);
            if self.made.get(&place.0).is_some_and(makes)
                && let Some(found) = self.found.get_mut(&place)
            {
                found.insert(event.hash);
            }
        }
    }

    /// Returns the only event of the same sub_type and time that the raws of a judged event make now.
    pub(crate) fn heir(&self, judged: &Removable) -> Option<Hash> {
        let found = places(judged, self.made).filter_map(|place| self.found.get(&place));
        let all: BTreeSet<Hash> = found.flatten().copied().collect();
        match all.len() {
            1 => all.into_iter().next(),
            _ => None,
        }
    }
}

fn places(event: &Removable, made: &MadeBy) -> impl Iterator<Item = Place> {
    let keys = event.keys.iter().map(|key| &key.bytes);
    let raws = keys.filter(|key| made.contains_key(*key));
    raws.map(|raw| {
        let time = event.timestamp.to_bits();
        (raw.clone(), event.sub_type.clone(), time)
    })
}
