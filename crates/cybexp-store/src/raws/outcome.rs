//! The result of a filter for a raw, and the update that records it.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use tahoe_core::Hash;

use crate::archive::stored::TLP;
use crate::raws::pending::{PendingRaw, Refusal};

/// The result of a filter for a raw.
#[derive(Debug)]
pub struct RawOutcome {
    /// The `_id` of the document.
    pub(crate) id: Bson,
    /// The raw's identity as text, for logs.
    pub raw: String,
    /// Hashes of all instances made of the raw, or the reason why the filter refused it.
    pub made: Result<Vec<Hash>, String>,
    pub(crate) before: Before,
}

/// The state of a raw before a filter processed it. The update only applies to a raw that still has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Before {
    pub filters: Vec<String>,
    pub todo: Vec<String>,
    pub refusals: Vec<Refusal>,
    /// The raw's label. A raw that got another one meanwhile is read again, so that its events get it, too.
    pub tlp: Option<String>,
}

impl RawOutcome {
    /// Makes the result for a raw.
    pub fn new(raw: &PendingRaw, made: Result<Vec<Hash>, String>) -> Self {
        Self {
            id: raw.id.bson(),
            raw: raw.id.to_string(),
            made,
            before: Before {
                filters: raw.filters.clone(),
                todo: raw.todo.clone(),
                refusals: raw.refusals.clone(),
                tlp: raw.tlp.clone(),
            },
        }
    }

    /// Makes the refusal of a document that is no raw.
    pub(crate) fn unreadable(id: Bson, reason: &str) -> Self {
        Self {
            raw: id.to_string(),
            id,
            made: Err(format!("not a raw: {reason}")),
            before: Before::default(),
        }
    }
}

/// The state of a raw after a filter.
#[derive(Debug, PartialEq)]
struct After {
    filters: Vec<String>,
    todo: Vec<String>,
    refusals: Vec<Refusal>,
}

/// The filters, the filters to come, and the label of raws that are changed by one update.
type Same<'a> = (&'a [String], &'a [String], &'a Option<String>);

/// Returns the name of a filter, given by its id.
pub(crate) fn name_of(filter: &str) -> &str {
    filter.split_once('@').map_or(filter, |(name, _)| name)
}

/// Makes the updates that record these outcomes of a filter at a time in Unix seconds, as filter and update. Raws with
/// equal states before and after are changed by one update.
pub(crate) fn updates(filter: &str, outcomes: &[RawOutcome], at: f64) -> Vec<(Document, Document)> {
    let mut done: BTreeMap<Same<'_>, Vec<Bson>> = BTreeMap::new();
    let mut updates = Vec::new();
    for outcome in outcomes {
        let before = &outcome.before;
        match &outcome.made {
            Ok(_) if before.refusals.is_empty() => {
                let same = (&*before.filters, &*before.todo, &before.tlp);
                let same = done.entry(same).or_default();
                same.push(outcome.id.clone());
            }
            Ok(_) => updates.push(update(doc! {"_id": &outcome.id}, filter, before, None)),
            Err(reason) => {
                let refusal = Refusal {
                    filter: filter.to_owned(),
                    reason: reason.clone(),
                    at,
                };
                updates.push(update(
                    doc! {"_id": &outcome.id},
                    filter,
                    before,
                    Some(refusal),
                ));
            }
        }
    }
    for ((filters, todo, tlp), ids) in done {
        let before = Before {
            filters: filters.to_vec(),
            todo: todo.to_vec(),
            refusals: vec![],
            tlp: tlp.clone(),
        };
        updates.push(update(doc! {"_id": {"$in": ids}}, filter, &before, None));
    }
    updates
}

fn update(
    mut raws: Document,
    filter: &str,
    before: &Before,
    refusal: Option<Refusal>,
) -> (Document, Document) {
    // an unreadable document has no known state, and is changed whatever it has
    if *before != Before::default() {
        raws.insert("_todo", &before.todo);
        raws.insert(TLP, &before.tlp);
        raws.insert(
            "filters",
            match before.filters.is_empty() {
                true => doc! {"$in": [Bson::Null, Bson::Array(vec![])]}.into(),
                false => Bson::from(before.filters.clone()),
            },
        );
    }
    let after = after(filter, before, refusal);
    let mut set = doc! {"filters": &after.filters};
    let mut unset = Document::new();
    match after.todo.is_empty() {
        true => unset.insert("_todo", ""),
        false => set.insert("_todo", &after.todo),
    };
    // a raw is refused as a whole when all its filters refused it
    let refused = !after.refusals.is_empty()
        && after.todo.is_empty()
        && after
            .filters
            .iter()
            .all(|id| after.refusals.iter().any(|r| r.filter == *id));
    match after.refusals.is_empty() {
        true => {
            if !before.refusals.is_empty() {
                unset.insert("_error", "");
            }
        }
        false => {
            let refusals = after.refusals.iter();
            let refusals =
                refusals.map(|r| doc! {"filter": &r.filter, "reason": &r.reason, "at": r.at});
            set.insert("_error", refusals.collect::<Vec<_>>());
        }
    }
    match refused {
        true => drop(set.insert("_valid", false)),
        false if !before.refusals.is_empty() => drop(unset.insert("_valid", "")),
        false => {}
    }
    let mut update = doc! {"$set": set};
    if !unset.is_empty() {
        update.insert("$unset", unset);
    }
    (raws, update)
}

fn after(filter: &str, before: &Before, refusal: Option<Refusal>) -> After {
    let name = name_of(filter);
    let others = |id: &str| name_of(id) != name;
    // a raw names each filter once, with the version that processed it last
    let mut filters: Vec<String> = before
        .filters
        .iter()
        .filter(|id| others(id))
        .cloned()
        .collect();
    filters.push(filter.to_owned());
    let refusals = before
        .refusals
        .iter()
        .filter(|refusal| others(&refusal.filter))
        .cloned();
    After {
        filters,
        todo: before
            .todo
            .iter()
            .filter(|todo| *todo != name)
            .cloned()
            .collect(),
        refusals: refusals.chain(refusal).collect(),
    }
}
