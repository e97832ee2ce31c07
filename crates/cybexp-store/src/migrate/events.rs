//! Taking over events, with the elements by which the archive finds them.

use std::collections::HashMap;

use tahoe_core::Instance;

use crate::archive::ids::{self, OrgTag};
use crate::archive::keys::Nature;
use crate::archive::{missing, stored};
use crate::error::StoreError;
use crate::migrate::check::Checked;
use crate::migrate::nodes::Descendants;
use crate::migrate::pass::Pass;
use crate::migrate::plan::Plan;

/// Plans a batch of events.
pub(super) async fn plan(
    pass: &mut Pass,
    plan: &mut Plan,
    documents: &[Checked],
) -> Result<(), StoreError> {
    let hashes = documents
        .iter()
        .filter_map(|one| Some(one.found.as_ref().ok()?.instance.hash()));
    let ids: Vec<_> = hashes.map(ids::of_hash).collect();
    let existing = missing::existing(&pass.new, ids.iter()).await?;
    let mut orgs: HashMap<&str, OrgTag> = HashMap::new();
    let mut nodes = Descendants::default();
    for (place, document) in documents.iter().enumerate() {
        let Some(rebuilt) = pass.begin(plan, document) else {
            continue;
        };
        let Instance::Event(event) = &rebuilt.instance else {
            continue;
        };
        let id = ids::of_hash(event.hash());
        if existing.holds(&id) || !plan.is_first(&id) {
            plan.report.kind(document.itype).duplicates += 1;
            continue;
        }
        nodes.add(event.children(), place);
        let orgid = event.orgid().as_str();
        let org = orgs.entry(orgid).or_insert_with(|| OrgTag::of(orgid));
        pass.take(
            plan,
            document,
            stored::event(event, org, Nature::Observed, []),
        );
    }
    nodes.restore(pass, plan, documents).await
}
