//! Look-ups of what many documents name, with a few queries.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bson::{Bson, doc};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::archive::having::Having;
use crate::archive::ids::{self, RawId};
use crate::archive::keys;
use crate::archive::missing::{self, Existing};
use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;
use crate::sweep::rows;
use crate::verify::context::Context;

const LOOKING: &str = "looking whether any event has one of some elements";
const RAWS: &str = "looking for the raws of events";

/// The most ranges of ids of one query.
const RANGES: usize = 200;

/// Returns those of these hashes of which no instance exists.
pub(super) async fn missing(
    context: &mut Context,
    wanted: &BTreeSet<Hash>,
) -> Result<HashSet<Hash>, StoreError> {
    let unknown: Vec<Hash> = wanted
        .iter()
        .copied()
        .filter(|hash| context.known.get(hash).is_none())
        .collect();
    let ids = ids::of_hashes(&unknown);
    let existing = missing::existing(&context.archive().coll, ids.iter()).await?;
    let mut missing = HashSet::new();
    for (hash, id) in unknown.into_iter().zip(ids) {
        match existing.holds(&id) {
            true => drop(context.known.put(hash, ())),
            false => drop(missing.insert(hash)),
        }
    }
    Ok(missing)
}

/// Returns which of these documents of the archive exist.
pub(super) async fn stored(
    context: &Context,
    ids: &BTreeSet<Vec<u8>>,
) -> Result<Existing, StoreError> {
    let ids: Vec<Bson> = ids.iter().map(|id| ids::binary(id.clone())).collect();
    missing::existing(&context.archive().coll, ids.iter()).await
}

/// Returns for each list of elements whether an event has one of them.
pub(super) async fn any_event(
    coll: &Documents,
    wanted: &[Vec<Bson>],
) -> Result<Vec<bool>, StoreError> {
    Having::Events.any(coll, LOOKING, wanted).await
}

/// Returns the parts of raw elements, by which events name raws, to which there is no raw. One that a sweep is removing
/// counts as there: its events go next.
pub(super) async fn missing_raws(
    context: &Context,
    parts: &BTreeSet<Vec<u8>>,
) -> Result<HashSet<Vec<u8>>, StoreError> {
    #[derive(Deserialize)]
    struct Accepted {
        #[serde(rename = "_id")]
        id: RawId,
        #[serde(default)]
        timestamp: f64,
        #[serde(default)]
        accepted: f64,
    }
    let mut missing: HashSet<Vec<u8>> = parts.iter().cloned().collect();
    let parts: Vec<&Vec<u8>> = parts.iter().collect();
    for part in parts.chunks(RANGES) {
        let ranges = part
            .iter()
            .map(|part| Bson::from(doc! {"_id": RawId::begins(keys::hash_of_raw(part))}));
        let either = doc! {"$or": ranges.collect::<Vec<_>>()};
        let fields = doc! {"timestamp": 1, "accepted": 1};
        for coll in [&context.archive().coll, &context.archive().going] {
            let find = Find::new(RAWS, ID, either.clone()).project(fields.clone());
            for raw in find.read::<Accepted>(coll).await? {
                for at in [raw.timestamp, raw.accepted] {
                    missing.remove(&keys::raw_element(&raw.id, at)[..]);
                }
            }
        }
    }
    Ok(missing)
}

/// Returns the tokens of those of these nodes that the sweep knows to go.
pub(super) async fn going(
    context: &Context,
    nodes: &[Bson],
) -> Result<BTreeMap<Vec<u8>, Bson>, StoreError> {
    let mut all = BTreeMap::new();
    for part in nodes.chunks(ASK) {
        let find = rows::going_among(part).project(doc! {"token": 1});
        for row in find.all(&context.archive().going).await? {
            if let Ok(id) = row.get_binary("_id") {
                let token = row.get_object_id("token").map_or(Bson::Null, Bson::from);
                all.insert(id.bytes.to_vec(), token);
            }
        }
    }
    Ok(all)
}

/// Returns those of these nodes, each of an organisation, that the sweep will look at.
pub(super) async fn candidates(
    context: &Context,
    nodes: &[(Vec<u8>, Vec<u8>)],
) -> Result<HashSet<Vec<u8>>, StoreError> {
    let ids = nodes
        .iter()
        .map(|(node, org)| rows::candidate_id(node, org));
    noted(context, ids).await
}

/// Returns those of these ids of rows of the sweep that there are.
pub(super) async fn noted(
    context: &Context,
    ids: impl Iterator<Item = Vec<u8>>,
) -> Result<HashSet<Vec<u8>>, StoreError> {
    let ids: Vec<Bson> = ids.map(ids::binary).collect();
    let mut found = HashSet::new();
    for part in ids.chunks(ASK) {
        let rows = rows::going_among(part)
            .all(&context.archive().going)
            .await?;
        let rows = rows.iter().filter_map(|row| row.get_binary("_id").ok());
        found.extend(rows.map(|id| id.bytes.to_vec()));
    }
    Ok(found)
}
