//! Taking over raws. In the old form a raw lists all that was made of it; here its events name the raw. All its filters
//! read it again, and replace what was made of it before.

use std::collections::{HashMap, HashSet};

use bson::{Bson, Document, doc};
use serde::Deserialize;
use tahoe_core::{Hash, Instance, Raw, Timestamp};

use crate::archive::ids::{OrgTag, RawId, SessionId};
use crate::archive::{keys, missing, stored};
use crate::error::StoreError;
use crate::graph::write::sessions::merge;
use crate::migrate::check::{Checked, RawNotes};
use crate::migrate::lookup::Found;
use crate::migrate::parked;
use crate::migrate::pass::Pass;
use crate::migrate::plan::Plan;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;
use crate::raws::outcome::name_of;

/// Plans a batch of raws.
pub(super) async fn plan(
    pass: &mut Pass,
    plan: &mut Plan,
    documents: &[Checked],
) -> Result<(), StoreError> {
    let sound = documents.iter().filter_map(|one| one.found.as_ref().ok());
    let made = sound.flat_map(|rebuilt| rebuilt.further.iter().copied());
    let found = pass.lookup.find(made.collect::<Vec<_>>()).await?;
    // what is neither attribute, object nor event should be a session of the raw's organisation
    let mut others: Vec<Hash> = Vec::new();
    let mut ids: Vec<Bson> = Vec::new();
    for (document, raw) in raws(documents) {
        let org = OrgTag::of(raw.orgid().as_str());
        ids.push(RawId::of(raw.hash(), &org).bson());
        for hash in unknown(document).filter(|hash| !found.contains_key(hash)) {
            others.push(hash);
            ids.push(SessionId::of(hash, &org).bson());
        }
    }
    others.sort_unstable();
    others.dedup();
    let existing = missing::existing(&pass.new, ids.iter()).await?;
    let stored = raws(documents).map(|(_, raw)| RawId::new(raw.hash(), raw.orgid().as_str()));
    let stored = stored.filter(|id| existing.holds(&id.bson())).collect();
    let mut accepted = accepted_at(pass, stored).await?;
    let parked = parked::find(&pass.beside, &others).await?;
    let mut claimed = HashSet::new();
    for document in documents {
        let Some(rebuilt) = pass.begin(plan, document) else {
            continue;
        };
        let Instance::Raw(raw) = &rebuilt.instance else {
            continue;
        };
        let orgid = raw.orgid().as_str();
        let org = OrgTag::of(orgid);
        let id = RawId::of(raw.hash(), &org);
        // of a duplicate the time of the one that is stored: their events name that one
        let at = raw.timestamp().map_or(0.0, Timestamp::get);
        let accepted = *accepted.entry(id).or_insert(at);
        let todo = (pass.readers)(raw.sub_type().as_str());
        let by = makers(&todo, &document.notes);
        let mut lacks = 0;
        for hash in &rebuilt.further {
            match found.get(hash) {
                Some(Found::Node) => {}
                Some(Found::Event(owner)) if owner == orgid => {
                    for filter in &by {
                        plan.add_key(*hash, keys::of_raw(&id, accepted, filter));
                    }
                }
                Some(Found::Event(_)) => lacks += 1,
                None => {
                    let session = SessionId::of(*hash, &org);
                    if let Some(parked) = parked.get(hash) {
                        if claimed.insert((*hash, session)) {
                            plan.sessions.push(merge(&session, parked, orgid)?);
                            plan.parked.push(parked::claim(*hash));
                        }
                    } else if !existing.holds(&session.bson()) {
                        lacks += 1;
                    }
                }
            }
        }
        let told = format!(
            "{lacks} of the {} instances made of it do not exist",
            rebuilt.further.len()
        );
        plan.report
            .dangling(document.itype, document.id(), lacks, &told);
        if existing.holds(&id.bson()) || !plan.is_first(&id.bson()) {
            plan.report.kind(document.itype).duplicates += 1;
            continue;
        }
        let made = stored::document(id.bson(), raw, notes(&document.notes, &todo));
        if pass.take(plan, document, made) && !todo.is_empty() {
            plan.report.waiting += 1;
        }
    }
    Ok(())
}

/// Returns the times at which raws of the new archive were accepted.
async fn accepted_at(pass: &Pass, raws: Vec<RawId>) -> Result<HashMap<RawId, f64>, StoreError> {
    let mut times = HashMap::new();
    for part in raws.chunks(ASK) {
        let ids: Vec<Bson> = part.iter().map(RawId::bson).collect();
        let find = Find::new(
            "reading when raws were accepted",
            ID,
            doc! {"_id": {"$in": ids}},
        );
        let find = find.project(doc! {"_id": 1, "timestamp": 1});
        let rows: Vec<AcceptedRow> = find.read(&pass.new).await?;
        times.extend(rows.into_iter().map(|row| (row.id, row.timestamp)));
    }
    Ok(times)
}

#[derive(Deserialize)]
struct AcceptedRow {
    #[serde(rename = "_id")]
    id: RawId,
    timestamp: f64,
}

fn raws(documents: &[Checked]) -> impl Iterator<Item = (&Checked, &Raw)> {
    documents.iter().filter_map(|document| {
        let rebuilt = document.found.as_ref().ok()?;
        match &rebuilt.instance {
            Instance::Raw(raw) => Some((document, raw)),
            _ => None,
        }
    })
}

fn unknown(document: &Checked) -> impl Iterator<Item = Hash> {
    let rebuilt = document.found.as_ref().ok().into_iter();
    rebuilt.flat_map(|rebuilt| rebuilt.further.iter().copied())
}

/// Returns the names of the filters that may have made a raw's events: the old form does not say which one did.
fn makers<'a>(todo: &[&'a str], notes: &'a RawNotes) -> Vec<&'a str> {
    match todo {
        [] => notes.filters.iter().map(|id| name_of(id)).collect(),
        todo => todo.to_vec(),
    }
}

/// Returns the fields by which a raw waits for these filters. Each of them counts as having read the raw in a version
/// before, be it version 0, so that it replaces what was made of it.
fn notes(notes: &RawNotes, todo: &[&str]) -> Document {
    let mut filters = notes.filters.clone();
    for name in todo {
        if !filters.iter().any(|id| name_of(id) == *name) {
            filters.push(format!("{name}@0"));
        }
    }
    let mut more = Document::new();
    if !filters.is_empty() {
        more.insert("filters", filters);
    }
    if let Some(refusal) = &notes.refusal {
        more.insert(
            "_error",
            vec![doc! {"filter": &refusal.filter, "reason": &refusal.reason, "at": refusal.at}],
        );
    }
    if notes.invalid && (notes.refusal.is_some() || todo.is_empty()) {
        more.insert("_valid", false);
    }
    if !todo.is_empty() {
        more.insert("_todo", todo.to_vec());
    }
    more
}
