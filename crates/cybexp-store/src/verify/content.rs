//! Checks of one document of the archive by itself, without input or output.

use std::collections::BTreeSet;

use bson::{Bson, RawDocument};
use tahoe_core::{Children, Hash, Instance};

use crate::archive::ids::{self, OrgTag, RawId, SessionId};
use crate::migrate::check;
use crate::verify::fault::{FaultKind, Findings};

/// Returns the `_id` of a document; null if it has none.
pub(super) fn id_of(document: &RawDocument) -> Bson {
    let id = document.get("_id").ok().flatten();
    id.and_then(|id| Bson::try_from(id.to_owned()).ok())
        .unwrap_or(Bson::Null)
}

/// Builds the instance of a document anew, and compares its hash, its `_id` and its lists. `None` if it is none.
pub(super) fn instance(document: &RawDocument, found: &mut Findings) -> Option<Instance> {
    let id = id_of(document);
    let rebuilt = match check::rebuild(document) {
        Ok(rebuilt) => rebuilt,
        Err(reason) => {
            let kind = match reason.starts_with("_hash is ") {
                true => FaultKind::Hash,
                false => FaultKind::Form,
            };
            found.add(
                kind,
                id,
                format!("the document is not what it claims: {reason}"),
            );
            return None;
        }
    };
    let instance = rebuilt.instance;
    let org = document.get_str("orgid").unwrap_or_default();
    let own = match &instance {
        Instance::Raw(_) => RawId::of(instance.hash(), &OrgTag::of(org)).bson(),
        Instance::Session(_) => SessionId::of(instance.hash(), &OrgTag::of(org)).bson(),
        _ => ids::of_hash(instance.hash()),
    };
    if own != id {
        let words = format!(
            "the {} {} stands under another _id than its content has: nobody finds it, and it may be there twice",
            instance.itype(),
            instance.hash()
        );
        found.add(FaultKind::Id, id.clone(), words);
    }
    if let Some(children) = children(&instance) {
        lists(document, children, &id, found);
        if !rebuilt.further.is_empty() || rebuilt.no_hashes > 0 {
            let words = "a list names hashes that are none of its data".to_owned();
            found.add(FaultKind::List, id, words);
        }
    }
    Some(instance)
}

/// Returns the children of an object, event or session.
pub(super) fn children(instance: &Instance) -> Option<&Children> {
    match instance {
        Instance::Object(object) => Some(object.children()),
        Instance::Event(event) => Some(event.children()),
        Instance::Session(session) => Some(session.children()),
        Instance::Attribute(_) | Instance::Raw(_) => None,
    }
}

fn lists(document: &RawDocument, children: &Children, id: &Bson, found: &mut Findings) {
    for (field, own) in [("_cref", children.cref()), ("_ref", children.refs())] {
        let listed = document.get_array(field).ok().into_iter().flatten();
        let listed: Vec<Hash> = listed
            .flatten()
            .filter_map(|hash| hash.as_str()?.parse().ok())
            .collect();
        let stored: BTreeSet<Hash> = listed.iter().copied().collect();
        let own: BTreeSet<Hash> = own.iter().copied().collect();
        let lacks = own.difference(&stored).count();
        let twice = listed.len() - stored.len();
        if lacks + twice > 0 {
            let words = format!("{field} lacks {lacks} hashes of the data, and has {twice} twice");
            found.add(FaultKind::List, id.clone(), words);
        }
    }
}
