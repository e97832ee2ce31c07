//! Taking over sessions. In the old form a session lists its events and belongs to no organisation; here it becomes one
//! session of each organisation that its events have.

use std::collections::{BTreeMap, HashMap};

use bson::Bson;
use tahoe_core::{Hash, Instance};

use crate::archive::ids::{OrgTag, SessionId};
use crate::archive::missing;
use crate::error::StoreError;
use crate::graph::write::sessions::merge;
use crate::migrate::check::Checked;
use crate::migrate::lookup::Found;
use crate::migrate::nodes::Descendants;
use crate::migrate::parked;
use crate::migrate::pass::Pass;
use crate::migrate::plan::Plan;

/// Plans a batch of sessions. A session none of whose events exists is set aside, until a raw tells its organisation.
pub(super) async fn plan(
    pass: &mut Pass,
    plan: &mut Plan,
    documents: &[Checked],
) -> Result<(), StoreError> {
    let sound = documents.iter().filter_map(|one| one.found.as_ref().ok());
    let events = sound.flat_map(|rebuilt| rebuilt.further.iter().copied());
    let found = pass.lookup.find(events.collect::<Vec<_>>()).await?;
    let parts: Vec<_> = documents.iter().map(|one| by_org(one, &found)).collect();
    let ids: Vec<Bson> = parts
        .iter()
        .flat_map(|orgs| orgs.values().map(|(id, _)| id.bson()))
        .collect();
    let existing = missing::existing(&pass.new, ids.iter()).await?;
    let mut nodes = Descendants::default();
    for ((place, document), orgs) in documents.iter().enumerate().zip(parts) {
        let Some(rebuilt) = pass.begin(plan, document) else {
            continue;
        };
        let Instance::Session(session) = &rebuilt.instance else {
            continue;
        };
        nodes.add(session.children(), place);
        if orgs.is_empty() {
            plan.parked.push(parked::park(document, session)?);
            continue;
        }
        // of whose records a time comes is not known where there are several organisations: the filters set it again
        let timeless;
        let session = match orgs.len() {
            1 => session,
            _ => {
                timeless = session.clone().without_times();
                &timeless
            }
        };
        let (mut known, mut events) = (false, 0);
        for (orgid, (id, theirs)) in &orgs {
            known |= existing.holds(&id.bson()) | !plan.is_first(&id.bson());
            plan.sessions.push(merge(id, session, orgid)?);
            for event in theirs {
                plan.add_key(*event, id.bytes());
            }
            events += theirs.len();
        }
        let kind = plan.report.kind(document.itype);
        match known {
            true => kind.duplicates += 1,
            false => kind.taken += 1,
        }
        let lacks = rebuilt.further.len() - events;
        let told = format!(
            "{lacks} of its {} events do not exist",
            rebuilt.further.len()
        );
        plan.report
            .dangling(document.itype, document.id(), lacks as u64, &told);
    }
    nodes.restore(pass, plan, documents).await
}

/// Returns the events of a session that exist, by organisation, with the identity that the session has there.
fn by_org<'a>(
    document: &Checked,
    found: &'a HashMap<Hash, Found>,
) -> BTreeMap<&'a str, (SessionId, Vec<Hash>)> {
    let mut orgs = BTreeMap::new();
    let Ok(rebuilt) = &document.found else {
        return orgs;
    };
    for hash in &rebuilt.further {
        let Some(Found::Event(orgid)) = found.get(hash) else {
            continue;
        };
        let (_, events) = orgs.entry(orgid.as_str()).or_insert_with(|| {
            let id = SessionId::of(rebuilt.instance.hash(), &OrgTag::of(orgid));
            (id, Vec::new())
        });
        events.push(*hash);
    }
    orgs
}
