//! Replacing what a filter of the second stage made before of an attribute or session, and removing what it made of one
//! that no event holds any more.

use std::collections::{HashMap, HashSet};

use bson::{Bson, doc};
use tahoe_core::{Hash, OrgId};

use crate::archive::having::Having;
use crate::archive::ids::{self, OrgTag, SessionId, binary};
use crate::archive::keys::{self, DerivedFrom, Kinds, LEAST_TIE};
use crate::error::StoreError;
use crate::graph::write::remove::{self, Removable};
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk::{self, Update};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::EVENT_KEYS;

const LEAVING: &str = "taking sources from derived events";
const HELD: &str = "looking for events that hold something";
const LOOKING: &str = "reading the events derived from something";

/// An attribute or session from which a filter of the second stage has made events anew.
#[derive(Debug)]
pub struct Rederived {
    /// The organisation.
    pub orgid: OrgId,
    /// The attribute or session.
    pub source: DerivedFrom,
    /// Hashes of the events that the filter made of it now.
    pub made: Vec<Hash>,
}

/// The events that stay of those derived from one source.
#[derive(Debug, Default)]
struct Kept {
    events: HashSet<Hash>,
    /// The link to the source, if it is a session.
    link: Option<Vec<u8>>,
}

impl GraphWriter {
    /// Removes the events that a filter of the second stage, given by its name, derived from these attributes or sessions
    /// before and does not derive any more. Returns their number.
    pub async fn replace_derived(
        &self,
        filter: &str,
        sources: &[Rederived],
    ) -> Result<u64, StoreError> {
        let mut removed = 0;
        for part in sources.chunks(ASK) {
            let mut made: HashMap<Vec<u8>, Kept> = HashMap::new();
            for Rederived {
                orgid,
                source,
                made: events,
            } in part
            {
                let org = OrgTag::of(orgid.as_str());
                let element = keys::of_source(&org, source.hash(), filter);
                let kept = made.entry(element).or_default();
                kept.events.extend(events);
                if let DerivedFrom::Session(session) = source {
                    kept.link = Some(keys::link(&SessionId::of(*session, &org)));
                }
            }
            removed += self.keep_only(made).await?;
        }
        Ok(removed)
    }

    /// Removes the derived events that have one of these source elements, but for those named beside it.
    async fn keep_only(&self, made: HashMap<Vec<u8>, Kept>) -> Result<u64, StoreError> {
        let elements: Vec<Bson> = made.keys().cloned().map(binary).collect();
        let events: Vec<Removable> = derived_from(&elements).read(&self.coll).await?;
        let (mut left, mut gone): (Vec<Update>, Vec<Removable>) = (Vec::new(), Vec::new());
        for event in events {
            let (mut sources, mut leaves) = (0, Vec::new());
            for key in event.keys.iter().map(|key| &key.bytes) {
                match made.get(key) {
                    Some(kept) if !kept.events.contains(&event.hash) => {
                        leaves.push(binary(key.clone()));
                        leaves.extend(kept.link.clone().map(binary));
                    }
                    _ => sources += usize::from(keys::is_of_source(key)),
                }
            }
            if leaves.is_empty() {
                continue;
            }
            if sources > 0 {
                left.push(Update {
                    filter: doc! {"_id": ids::of_hash(event.hash)},
                    update: doc! {"$pullAll": {"_keys": leaves}}.into(),
                    upsert: false,
                });
                continue;
            }
            gone.push(event);
        }
        bulk::update(&self.coll, &left, LEAVING)
            .await?
            .whole(LEAVING)?;
        // only those that were not derived from something else in the meantime
        self.remove(&gone).await
    }

    /// Removes the events that were derived from the attributes and sessions of these hashes in an organisation, where no
    /// observed event of it holds them any more. Returns their number. Call it after observed events were removed.
    pub async fn drop_unobserved(&self, orgid: &str, sources: &[Hash]) -> Result<u64, StoreError> {
        let stage = &self.news.stage;
        let filters = stage.attributes.len() + stage.sessions.len();
        let org = OrgTag::of(orgid);
        if filters == 0 {
            return Ok(0);
        }
        let mut removed = 0;
        for part in sources.chunks((ASK / filters).max(1)) {
            let mut elements: HashMap<Vec<u8>, Hash> = HashMap::new();
            for &hash in part {
                let sessions = stage.sessions.iter().map(|reader| reader.name);
                let names = stage.attributes.iter().copied().chain(sessions);
                elements.extend(names.map(|name| (keys::of_source(&org, hash, name), hash)));
            }
            let asked: Vec<Bson> = elements.keys().cloned().map(binary).collect();
            let events: Vec<Removable> = derived_from(&asked).read(&self.coll).await?;
            let keys = events.iter().flat_map(|event| &event.keys);
            let derived: HashSet<Hash> = keys
                .filter_map(|key| elements.get(&key.bytes).copied())
                .collect();
            let derived: Vec<Hash> = derived.into_iter().collect();
            let wanted: Vec<Vec<Bson>> = derived
                .iter()
                .map(|source| holding(&org, *source))
                .collect();
            let held = Having::Events.any(&self.coll, HELD, &wanted).await?;
            let unheld = derived.into_iter().zip(held).filter(|(_, held)| !held);
            let unheld: HashSet<Hash> = unheld.map(|(source, _)| source).collect();
            elements.retain(|_, source| unheld.contains(source));
            let nothing = elements.into_keys().map(|key| (key, Kept::default()));
            removed += self.keep_only(nothing.collect()).await?;
        }
        Ok(removed)
    }
}

/// Finds the events that have one of these source elements.
pub(crate) fn derived_from(elements: &[Bson]) -> Find {
    let filter = doc! {"_keys": {"$in": elements}, "_tie": {"$gte": LEAST_TIE}};
    Find::new(LOOKING, EVENT_KEYS, filter).project(remove::fields())
}

/// Returns the elements of observed events of an organisation that refer to an attribute of this hash, or belong to a session
/// of it.
pub(crate) fn holding(org: &OrgTag, source: Hash) -> Vec<Bson> {
    let references = keys::references(org, source, Kinds::OBSERVED);
    references
        .chain([SessionId::of(source, org).bson()])
        .collect()
}
