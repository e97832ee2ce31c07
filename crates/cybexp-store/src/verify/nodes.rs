//! Attributes and objects: content, references, whether anything names them, and whether they are going.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bson::{Bson, RawDocumentBuf};
use tahoe_core::{Hash, Instance};

use crate::archive::ids;
use crate::error::StoreError;
use crate::verify::content::{self, id_of};
use crate::verify::context::Context;
use crate::verify::fault::{FaultKind, Findings};
use crate::verify::names::Names;
use crate::verify::{events, look};

/// Checks the attributes and objects of a page. `names` are the hashes that events and sessions name; without them, each
/// is looked up.
pub(super) async fn check(
    context: &mut Context,
    names: Option<&Names>,
    page: &[RawDocumentBuf],
) -> Result<Findings, StoreError> {
    let mut found = Findings::default();
    let mut refs: BTreeMap<Hash, Vec<Hash>> = BTreeMap::new();
    let mut unnamed = Vec::new();
    let mut marked: HashMap<Vec<u8>, Bson> = HashMap::new();
    for document in page {
        let Some(instance) = content::instance(document, &mut found) else {
            continue;
        };
        let hash = instance.hash();
        if let Instance::Object(object) = &instance {
            refs.insert(hash, object.children().refs().to_vec());
        }
        if names.is_none_or(|names| !names.may_hold(hash)) {
            unnamed.push(hash);
        }
        if let Ok(token) = document.get_object_id("_going") {
            marked.insert(hash.as_bytes().to_vec(), token.into());
        }
    }
    let wanted: BTreeSet<Hash> = refs.values().flatten().copied().collect();
    let missing = look::missing(context, &wanted).await?;
    for (hash, refs) in &refs {
        if let Some(lacks) = refs.iter().find(|hash| missing.contains(*hash)) {
            let words = format!("the object refers to {lacks}, which is not there");
            found.add(FaultKind::Reference, ids::of_hash(*hash), words);
        }
    }
    going(context, &marked, &mut found).await?;
    alone(context, &unnamed, &mut found).await?;
    Ok(found)
}

/// Checks that the sweep knows of the nodes that are marked as going, which are given with their tokens.
pub(super) async fn going(
    context: &Context,
    marked: &HashMap<Vec<u8>, Bson>,
    found: &mut Findings,
) -> Result<(), StoreError> {
    let nodes: Vec<Bson> = marked.keys().map(|id| ids::binary(id.clone())).collect();
    let rows = look::going(context, &nodes).await?;
    for (id, token) in marked {
        if rows.get(id) != Some(token) {
            let words = "it is marked as going (_going), but no sweep will remove it";
            found.add(FaultKind::Going, ids::binary(id.clone()), words);
        }
    }
    Ok(())
}

/// Checks that something names each of these nodes, or that a sweep knows of it.
async fn alone(context: &Context, nodes: &[Hash], found: &mut Findings) -> Result<(), StoreError> {
    if nodes.is_empty() {
        return Ok(());
    }
    let unnamed = events::unnamed(context, nodes).await?;
    let ids: Vec<Bson> = unnamed.iter().copied().map(ids::of_hash).collect();
    let going = look::going(context, &ids).await?;
    let pairs = unnamed.iter().flat_map(|hash| {
        let orgs = context.orgs.iter();
        orgs.map(|org| (hash.as_bytes().to_vec(), org.bytes().to_vec()))
    });
    let candidates = look::candidates(context, &pairs.collect::<Vec<_>>()).await?;
    let noted: BTreeSet<&[u8]> = candidates.iter().filter_map(|id| id.get(..32)).collect();
    for hash in unnamed {
        let bytes = &hash.as_bytes()[..];
        if !going.contains_key(bytes) && !noted.contains(bytes) {
            let words = "nothing names it: it only takes room";
            found.add(FaultKind::Alone, ids::of_hash(hash), words);
        }
    }
    Ok(())
}

/// Returns the `_id` of a document of the page, by its kind: those that are no instances of it are left out.
pub(super) fn marked(document: &RawDocumentBuf) -> Option<(Vec<u8>, Bson)> {
    let token = document.get_object_id("_going").ok()?;
    match id_of(document) {
        Bson::Binary(id) => Some((id.bytes, token.into())),
        _ => None,
    }
}
