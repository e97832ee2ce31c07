//! Sessions: content, references, what they are found by, times, and whether they wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bson::{Bson, RawDocument, RawDocumentBuf};
use tahoe_core::{Hash, Instance, Session};

use crate::archive::ids::OrgTag;
use crate::archive::stored;
use crate::error::StoreError;
use crate::verify::content::{self, id_of};
use crate::verify::context::Context;
use crate::verify::fault::{FaultKind, Findings, shown};
use crate::verify::names::Names;
use crate::verify::{look, nodes};

/// Checks the sessions of a page. What identifies them is added to `names`.
pub(super) async fn check(
    context: &mut Context,
    names: &mut Names,
    page: &[RawDocumentBuf],
) -> Result<(Findings, u64), StoreError> {
    let mut found = Findings::default();
    let mut refs: BTreeMap<String, (Bson, Vec<Hash>)> = BTreeMap::new();
    let mut waiting = 0;
    for document in page {
        let Some(Instance::Session(session)) = content::instance(document, &mut found) else {
            continue;
        };
        let key = id_of(document);
        let known = session.children().refs();
        known.iter().for_each(|hash| names.add(*hash));
        refs.insert(shown(&key), (key.clone(), known.to_vec()));
        waiting += u64::from(alone(context, document, &session, &key, &mut found));
    }
    let wanted: BTreeSet<Hash> = refs.values().flat_map(|(_, refs)| refs).copied().collect();
    let missing = look::missing(context, &wanted).await?;
    for (key, refs) in refs.into_values() {
        if let Some(hash) = refs.iter().find(|hash| missing.contains(*hash)) {
            let words = format!("the session is identified by {hash}, which is not there");
            found.add(FaultKind::Reference, key, words);
        }
    }
    let marked: HashMap<Vec<u8>, Bson> = page.iter().filter_map(nodes::marked).collect();
    nodes::going(context, &marked, &mut found).await?;
    Ok((found, waiting))
}

/// Checks a session without looking anything up, and returns whether it waits for a filter.
fn alone(
    context: &Context,
    document: &RawDocument,
    session: &Session,
    key: &Bson,
    found: &mut Findings,
) -> bool {
    let orgid = document.get_str("orgid").unwrap_or_default();
    let mut wrong = |kind, words: String| found.add(kind, key.clone(), words);
    if context.is_unregistered(orgid) {
        let words = format!(
            "its organisation {orgid} is not registered: a sweep would delete what it names"
        );
        wrong(FaultKind::Org, words);
    }
    let own: BTreeSet<Vec<u8>> = stored::known(session, &OrgTag::of(orgid))
        .into_iter()
        .filter_map(|element| match element {
            Bson::Binary(element) => Some(element.bytes),
            _ => None,
        })
        .collect();
    let listed = document.get_array("_known").ok().into_iter().flatten();
    let listed: BTreeSet<Vec<u8>> = listed
        .flatten()
        .filter_map(|element| Some(element.as_binary()?.bytes.to_vec()))
        .collect();
    if own != listed {
        let words = "it is not found by all that identifies it (_known), or by something else";
        wrong(FaultKind::Session, words.to_owned());
    }
    let [start, end] = [session.start_time(), session.end_time()].map(|at| at.map(|at| at.get()));
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        wrong(
            FaultKind::Session,
            format!("it ends at {end}, before it begins at {start}"),
        );
    }
    let todo = document.get("_todo").ok().flatten();
    let due = document.get_datetime("_due").is_ok();
    let names = todo.and_then(|todo| todo.as_array());
    let names = names.into_iter().flatten().flatten();
    let names: Vec<&str> = names.filter_map(|name| name.as_str()).collect();
    if todo.is_some() != due || (todo.is_some() && names.is_empty()) {
        let words =
            "it waits for a filter without a time, or the other way round: no filter will read it";
        wrong(FaultKind::Session, words.to_owned());
    }
    let second = &context.options.second;
    if let Some(unknown) = names.iter().find(|name| !second.contains(name)) {
        wrong(
            FaultKind::Session,
            format!("it waits for the filter {unknown}, which does not exist"),
        );
    }
    todo.is_some()
}
