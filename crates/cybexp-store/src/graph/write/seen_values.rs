//! The values of a batch, each once for an organisation.

use std::collections::HashMap;

use tahoe_core::{Attribute, Hash, Node};

use crate::archive::ids::OrgTag;
use crate::archive::keys::Nature;
use crate::graph::write::batch::GraphBatch;
use crate::values::write::SeenValue;

impl GraphBatch {
    /// Returns the attributes to which the observed events of the batch refer, with the time of the first of these.
    pub(crate) fn seen_values(&self) -> Vec<SeenValue<'_>> {
        let mut orgs: HashMap<&str, HashMap<Hash, (&Attribute, f64)>> = HashMap::new();
        for event in self.events.values() {
            if self.nature(event.hash()) != Nature::Observed {
                continue;
            }
            let at = event.timestamp().get();
            let values = orgs.entry(event.orgid().as_str()).or_default();
            for hash in event.children().refs() {
                if let Some((_, first)) = values.get_mut(hash) {
                    *first = first.min(at);
                } else if let Some(Node::Attribute(attribute)) = self.nodes.get(hash) {
                    values.insert(*hash, (attribute, at));
                }
            }
        }
        let seen = orgs.into_iter().flat_map(|(orgid, values)| {
            let org = OrgTag::of(orgid);
            values
                .into_values()
                .map(move |(attribute, first)| SeenValue {
                    org,
                    attribute,
                    first,
                })
        });
        seen.collect()
    }
}
