//! Rows of values: each begins with the first event that has the value.

use std::collections::{BTreeSet, HashMap};

use bson::{Bson, Document, RawDocumentBuf, doc};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::archive::ids::OrgTag;
use crate::archive::keys::{self, Kinds, LEAST_TIE};
use crate::error::StoreError;
use crate::mongo::collection::from_document;
use crate::mongo::find::Find;
use crate::mongo::indexes::EVENT_KEYS;
use crate::sweep::rows;
use crate::values::row;
use crate::verify::content::id_of;
use crate::verify::context::Context;
use crate::verify::fault::{FaultKind, Findings};
use crate::verify::look;

const LOOKING: &str = "looking for the first events of values";

/// The most rows that are asked for together: the server merges no more than 200 points of the index in order.
const TOGETHER: usize = 100;

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "_id")]
    id: String,
    by: Bson,
    first: f64,
    tie: i64,
    #[serde(default)]
    gone: bool,
}

/// A row with what its `_id` names.
struct Told {
    key: Bson,
    first: f64,
    org: OrgTag,
    hash: Hash,
}

/// Checks the rows of a page.
pub(super) async fn check(
    context: &Context,
    page: &[RawDocumentBuf],
) -> Result<Findings, StoreError> {
    let mut found = Findings::default();
    let orgs: HashMap<&[u8], &OrgTag> = context
        .orgs
        .iter()
        .map(|org| (&org.bytes()[..16], org))
        .collect();
    let mut told_rows = Vec::new();
    for document in page {
        let key = id_of(document);
        // the places of walks stand among the rows
        if matches!(&key, Bson::String(id) if row::is_other(id)) {
            continue;
        }
        let read = from_document::<Row>(document);
        let told = read.as_ref().ok().and_then(|row| {
            let (org, sub_type, hash) = row::read_id(&row.id)?;
            Some((*orgs.get(&org[..])?, sub_type, hash))
        });
        let (Ok(row), Some((org, sub_type, hash))) = (&read, told) else {
            let words = "it is no row of a value of an organisation that the archive knows";
            found.add(FaultKind::ValueRow, key, words);
            continue;
        };
        if row.by != row::by(org, sub_type) || row.tie != keys::tie(hash) {
            let words =
                format!("the row of {sub_type} {hash} is found in the wrong place by `new`");
            found.add(FaultKind::ValueRow, key.clone(), words);
        }
        // the sweep looks again at one that is gone
        if !row.gone {
            let (first, org) = (row.first, *org);
            told_rows.push(Told {
                key,
                first,
                org,
                hash,
            });
        }
    }
    for part in told_rows.chunks(TOGETHER) {
        let without = without_event(context, part).await?;
        let elements = without.iter().map(|row| elements(row));
        let elements: Vec<Vec<Bson>> = elements.collect();
        let any = look::any_event(&context.archive().coll, &elements).await?;
        // where all events were removed, the sweep looks at the row a minute later
        let nodes: Vec<_> = without.iter().map(|row| node(row)).collect();
        let noted = look::candidates(context, &nodes).await?;
        for (row, any) in without.into_iter().zip(any) {
            let (id, org) = node(row);
            let (sub_type, hash) = match &row.key {
                Bson::String(id) => row::told(id),
                _ => ("", String::new()),
            };
            if any {
                let words = format!(
                    "the first event with {sub_type} {hash}, at {}, is gone: `new` takes it for older than it is",
                    row.first
                );
                found.add(FaultKind::ValueFirst, row.key.clone(), words);
            } else if !noted.contains(&rows::candidate_id(&id, &org)) {
                let words =
                    format!("no event has {sub_type} {hash}: `search` shows what is not there");
                found.add(FaultKind::ValueRow, row.key.clone(), words);
            }
        }
    }
    Ok(found)
}

fn elements(row: &Told) -> Vec<Bson> {
    keys::references(&row.org, row.hash, Kinds::OBSERVED).collect()
}

fn node(row: &Told) -> (Vec<u8>, Vec<u8>) {
    (row.hash.as_bytes().to_vec(), row.org.bytes().to_vec())
}

/// Returns those of these rows at whose time no event has the value.
async fn without_event<'a>(
    context: &Context,
    rows: &'a [Told],
) -> Result<Vec<&'a Told>, StoreError> {
    #[derive(Deserialize)]
    struct At {
        timestamp: f64,
        #[serde(rename = "_keys")]
        keys: Vec<bson::Binary>,
    }
    let coll = &context.archive().coll;
    // an event of the same time may have many values, and a value many events of the same time
    let find = Find::new(
        LOOKING,
        EVENT_KEYS,
        doc! {"$or": rows.iter().map(at).collect::<Vec<_>>()},
    )
    .project(doc! {"_id": 0, "timestamp": 1, "_keys": 1})
    .limit(4 * TOGETHER as i64);
    let mut seen: BTreeSet<(u64, Vec<u8>)> = BTreeSet::new();
    for event in find.read::<At>(coll).await? {
        let at = event.timestamp.to_bits();
        seen.extend(event.keys.into_iter().map(|key| (at, key.bytes)));
    }
    let is_seen = |row: &Told| {
        let mut elements = keys::references(&row.org, row.hash, Kinds::OBSERVED);
        elements.any(|element| match element {
            Bson::Binary(element) => seen.contains(&(row.first.to_bits(), element.bytes)),
            _ => false,
        })
    };
    let mut without = Vec::new();
    for row in rows.iter().filter(|row| !is_seen(row)) {
        let alone = Find::new(LOOKING, EVENT_KEYS, at(row))
            .project(doc! {"_id": 0, "timestamp": 1})
            .limit(1);
        if alone.all(coll).await?.is_empty() {
            without.push(row);
        }
    }
    Ok(without)
}

/// Makes the condition of an event that has the value of a row at its time.
fn at(row: &Told) -> Document {
    let elements = keys::references(&row.org, row.hash, Kinds::OBSERVED);
    doc! {
        "_keys": {"$in": elements.collect::<Vec<_>>()}, "timestamp": row.first, "_tie": {"$gte": LEAST_TIE},
    }
}

/// Returns the time of the first event that has the value of a row, given by its `_id`; `None` if there is none.
pub(super) async fn first(context: &Context, id: &str) -> Result<Option<f64>, StoreError> {
    let told = row::read_id(id).and_then(|(org, _, hash)| {
        let mut orgs = context.orgs.iter();
        Some((orgs.find(|known| known.bytes()[..16] == org[..])?, hash))
    });
    let Some((org, hash)) = told else {
        return Ok(None);
    };
    let elements = keys::references(org, hash, Kinds::OBSERVED);
    let filter = doc! {"_keys": {"$in": elements.collect::<Vec<_>>()}, "_tie": {"$gte": LEAST_TIE}};
    let first = Find::new(LOOKING, EVENT_KEYS, filter)
        .project(doc! {"_id": 0, "timestamp": 1})
        .sort(doc! {"timestamp": 1, "_tie": -1})
        .limit(1);
    let rows = first.all(&context.archive().coll).await?;
    Ok(rows.first().and_then(|row| row.get_f64("timestamp").ok()))
}

/// Returns the fields by which a row, given by its `_id`, is found in order of time.
pub(super) fn places(context: &Context, id: &str) -> Option<(Bson, i64)> {
    let (org, sub_type, hash) = row::read_id(id)?;
    let mut orgs = context.orgs.iter();
    let org = orgs.find(|known| known.bytes()[..16] == org[..])?;
    Some((row::by(org, sub_type), keys::tie(hash)))
}
