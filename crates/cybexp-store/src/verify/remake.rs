//! Whether all that filters make of a raw is there: a filter is a pure function, so it is run once more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bson::{Binary, Bson, doc};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::archive::ids;
use crate::archive::keys;
use crate::error::StoreError;
use crate::graph::write::batch::GraphBatch;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;
use crate::raws::pending::PendingRaw;
use crate::verify::context::{Context, Remaker};
use crate::verify::fault::{FaultKind, Findings};
use crate::verify::raws::key;

const READING: &str = "reading the events that raws should have made";

/// The most events of one raw that are looked up.
const EVENTS: usize = 20_000;
/// The most elements of an event's list: beyond, none is added.
const FULL: usize = 20_000;

/// An event that a raw makes: its elements, and the raw's place in the page.
type Made = BTreeMap<Hash, Vec<(usize, BTreeSet<Vec<u8>>)>>;

#[derive(Deserialize)]
struct Keyed {
    #[serde(rename = "_id")]
    id: Binary,
    #[serde(default, rename = "_keys")]
    keys: Vec<Binary>,
}

/// Checks these raws.
pub(super) async fn check(
    context: &Context,
    raws: Vec<PendingRaw>,
    found: &mut Findings,
) -> Result<(), StoreError> {
    let Some(remake) = context.options.remake.clone() else {
        return Ok(());
    };
    let ids: Vec<Bson> = raws.iter().map(key).collect();
    let work = move || {
        let mut made = Made::new();
        for (place, raw) in raws.into_iter().enumerate() {
            for (hash, elements) in of_raw(&remake, raw) {
                made.entry(hash).or_default().push((place, elements));
            }
        }
        made
    };
    let Ok(made) = tokio::task::spawn_blocking(work).await else {
        // a filter panicked, which is caught where it runs: only a shutdown ends up here
        return Err(StoreError::Stopped);
    };
    let hashes: Vec<Hash> = made.keys().copied().collect();
    let mut lacks: BTreeMap<usize, String> = BTreeMap::new();
    for part in hashes.chunks(ASK) {
        let find = Find::new(READING, ID, doc! {"_id": {"$in": ids::of_hashes(part)}});
        let stored: Vec<Keyed> = find
            .project(doc! {"_keys": 1})
            .read(&context.archive().coll)
            .await?;
        let stored: HashMap<Vec<u8>, Vec<Binary>> = stored
            .into_iter()
            .map(|row| (row.id.bytes, row.keys))
            .collect();
        for hash in part {
            let keys = stored.get(&hash.as_bytes()[..]);
            for (place, elements) in &made[hash] {
                if let Some(words) = wrong(*hash, keys, elements) {
                    lacks.entry(*place).or_insert(words);
                }
            }
        }
    }
    for (place, words) in lacks {
        found.add(FaultKind::RawMade, ids[place].clone(), words);
    }
    Ok(())
}

/// Runs the filters that have read a raw, and returns the events that they make with the elements of raws and sessions.
fn of_raw(remake: &Remaker, mut raw: PendingRaw) -> BTreeMap<Hash, BTreeSet<Vec<u8>>> {
    let mut all = BTreeMap::new();
    let ids = std::mem::take(&mut raw.filters);
    let refused = |id: &String| raw.refusals.iter().any(|refusal| refusal.filter == *id);
    let ids: Vec<String> = ids.into_iter().filter(|id| !refused(id)).collect();
    for id in ids {
        let waits = raw
            .todo
            .iter()
            .any(|name| id.starts_with(&format!("{name}@")));
        if waits {
            continue;
        }
        let again = PendingRaw {
            id: raw.id,
            hash: raw.hash,
            data: raw.data.clone(),
            orgid: raw.orgid.clone(),
            timezone: raw.timezone.clone(),
            timestamp: raw.timestamp,
            tlp: raw.tlp.clone(),
            filters: Vec::new(),
            todo: Vec::new(),
            refusals: Vec::new(),
        };
        let mut part: BTreeMap<Hash, BTreeSet<Vec<u8>>> = BTreeMap::new();
        remake(&id, again, &mut |graph: GraphBatch| {
            for (hash, elements) in graph.elements() {
                if part.len() < EVENTS || part.contains_key(&hash) {
                    part.entry(hash).or_default().extend(elements);
                }
            }
        });
        for (hash, elements) in part {
            all.entry(hash)
                .or_insert_with(BTreeSet::new)
                .extend(elements);
        }
    }
    all
}

fn wrong(hash: Hash, keys: Option<&Vec<Binary>>, elements: &BTreeSet<Vec<u8>>) -> Option<String> {
    let Some(keys) = keys else {
        return Some(format!(
            "its filter makes the event {hash}, which is not there: it is lost"
        ));
    };
    if keys.len() >= FULL {
        return None;
    }
    let holds = |element: &&Vec<u8>| keys.iter().any(|key| key.bytes == **element);
    let lacks = elements.iter().find(|element| !holds(element))?;
    Some(match keys::is_of_raw(lacks) {
        true => format!("it makes the event {hash}, which does not name it"),
        false => format!("it makes the event {hash}, which does not name its session"),
    })
}
