//! Taking over attributes and objects, and making those again that others refer to and that have no document.

use std::collections::HashMap;

use bson::RawDocumentBuf;
use tahoe_core::{Attribute, Children, Hash, Instance, Node, Object};

use crate::archive::{ids, missing, stored};
use crate::error::StoreError;
use crate::migrate::check::Checked;
use crate::migrate::lookup::Lookup;
use crate::migrate::pass::Pass;
use crate::migrate::plan::Plan;

/// Attributes and objects that documents of a batch refer to.
#[derive(Default)]
pub(super) struct Descendants(HashMap<Hash, (Node, usize)>);

impl Descendants {
    /// Adds all descendants of the document at this place of the batch.
    pub(super) fn add(&mut self, children: &Children, place: usize) {
        for node in children.iter() {
            if self.0.contains_key(&node.hash()) {
                continue;
            }
            if let Node::Object(object) = node {
                self.add(object.children(), place);
            }
            self.0.insert(node.hash(), (node.clone(), place));
        }
    }

    /// Plans to make those again that have no document.
    pub(super) async fn restore(
        self,
        pass: &mut Pass,
        plan: &mut Plan,
        documents: &[Checked],
    ) -> Result<(), StoreError> {
        for hash in pass.lookup.lacking(self.0.keys().copied()).await? {
            let Some((node, place)) = self.0.get(&hash) else {
                continue;
            };
            let document = &documents[*place];
            if let Ok(made) = document_of(node) {
                plan.nodes.push(made);
                plan.report.restored += 1;
            }
            let told = format!("{} {hash} had no document, and was made again", kind(node));
            plan.report
                .dangling(document.itype, document.id(), 1, &told);
        }
        Ok(())
    }
}

fn kind(node: &Node) -> &'static str {
    match node {
        Node::Attribute(_) => "attribute",
        Node::Object(_) => "object",
    }
}

fn document_of(node: &Node) -> Result<RawDocumentBuf, String> {
    match node {
        Node::Attribute(attribute) => attribute_document(attribute),
        Node::Object(object) => object_document(object),
    }
}

fn attribute_document(attribute: &Attribute) -> Result<RawDocumentBuf, String> {
    stored::plain(attribute.hash(), attribute)
}

fn object_document(object: &Object) -> Result<RawDocumentBuf, String> {
    stored::plain(object.hash(), object)
}

/// Plans a batch of attributes, or of objects.
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
    let mut attributes = Descendants::default();
    for (place, document) in documents.iter().enumerate() {
        let Some(rebuilt) = pass.begin(plan, document) else {
            continue;
        };
        let id = ids::of_hash(rebuilt.instance.hash());
        if existing.holds(&id) || !plan.is_first(&id) {
            plan.report.kind(document.itype).duplicates += 1;
            continue;
        }
        let made = match &rebuilt.instance {
            Instance::Attribute(attribute) => attribute_document(attribute),
            Instance::Object(object) => {
                // objects within it may come later in this pass
                attributes.add(object.children(), place);
                object_document(object)
            }
            _ => continue,
        };
        pass.take(plan, document, made);
    }
    attributes
        .0
        .retain(|_, (node, _)| matches!(node, Node::Attribute(_)));
    attributes.restore(pass, plan, documents).await
}

impl Lookup {
    /// Remembers the attributes and objects of a batch.
    pub(super) fn learn_all(&mut self, documents: &[Checked]) {
        let nodes = documents
            .iter()
            .filter(|one| matches!(one.itype, "attribute" | "object"));
        let hashes = nodes.filter_map(|one| Some(one.found.as_ref().ok()?.instance.hash()));
        self.learn(hashes);
    }
}
