//! Rows of values that no event of their organisation names any more.
//!
//! Such a row is hidden at once, and deleted ten minutes later if still no event names the value. A writer trusts for five
//! minutes that a row exists, so what it wrote meanwhile is seen then, and the row is shown again.

use std::collections::HashMap;
use std::time::Duration;

use bson::{Document, doc};
use serde::Deserialize;
use tahoe_core::{Attribute, Hash, Scalar, SubType, Value};

use crate::archive::ids::OrgTag;
use crate::archive::keys::{Kinds, LEAST_TIE};
use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::graph::read::lookup::nodes_by_hash;
use crate::mongo::bulk::{self, Update};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::EVENT_KEYS;
use crate::sweep::named::{Nameable, Naming, named, references};
use crate::sweep::rows::{self, GoingRow, HiddenValue, RowKind};
use crate::values::row::{self, StoredRow};
use crate::values::write;

const HIDING: &str = "hiding the rows of values";
const SHOWING: &str = "showing the rows of values again";
const REMOVING: &str = "removing the rows of values";

/// The most values of a step.
const STEP: i64 = 2000;

#[derive(Deserialize)]
struct StoredAttribute {
    sub_type: String,
    data: Value,
}

#[derive(Deserialize)]
struct At {
    timestamp: f64,
}

/// Hides the rows of these values of organisations, which no event names any more. Hashes of objects are passed over.
pub(crate) async fn hide(archive: &Archive, values: &[(&str, Hash)]) -> Result<(), StoreError> {
    for part in values.chunks(ASK) {
        let hashes: Vec<Hash> = part.iter().map(|(_, hash)| *hash).collect();
        let find =
            nodes_by_hash(HIDING, &hashes).project(doc! {"_id": 0, "sub_type": 1, "data": 1});
        // an object has no data that is a value
        let read: Vec<Document> = find.read(&archive.coll).await?;
        let attributes = read
            .into_iter()
            .filter_map(|node| attribute(node).map(|it| (it.hash(), it)));
        let attributes: HashMap<Hash, Attribute> = attributes.collect();
        let hidden = part.iter().filter_map(|(orgid, hash)| {
            let row = row::id(&OrgTag::of(orgid), attributes.get(hash)?)?;
            Some(HiddenValue {
                orgid: (*orgid).to_owned(),
                hash: *hash,
                row,
            })
        });
        let mut hidden: Vec<HiddenValue> = hidden.collect();
        let ids: Vec<&str> = hidden.iter().map(|value| value.row.as_str()).collect();
        let rows: Vec<StoredRow> = write::known(&ids).read(&archive.values).await?;
        let rows: Vec<String> = rows.into_iter().map(|row| row.id).collect();
        if rows.is_empty() {
            continue;
        }
        hidden.retain(|value| rows.contains(&value.row));
        // first the note: a row that is hidden is looked at again
        rows::note_values(&archive.going, &hidden).await?;
        let hide = (doc! {"_id": {"$in": rows}}, doc! {"$set": {"gone": true}});
        bulk::update_all(&archive.values, &[hide], HIDING).await?;
    }
    Ok(())
}

fn attribute(node: Document) -> Option<Attribute> {
    let node: StoredAttribute = bson::deserialize_from_document(node).ok()?;
    let data = Scalar::try_from(&node.data).ok()?;
    Some(Attribute::new(SubType::new(&node.sub_type).ok()?, data))
}

/// Deletes the rows that have been hidden for at least this long, and shows those again whose values an event names. Returns
/// the number of values that were looked at.
pub(crate) async fn look_again(archive: &Archive, age: Duration) -> Result<u64, StoreError> {
    let find = rows::due(RowKind::Value, age, STEP);
    let rows: Vec<GoingRow> = find.read(&archive.going).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let read = rows.iter().filter_map(|row| Some((row, row.value()?)));
    let read: Vec<(&GoingRow, Hash)> = read.collect();
    let asked = read.iter().map(|(row, hash)| {
        let org = OrgTag::of(&row.orgid);
        (Nameable::Node(*hash), vec![org])
    });
    let asked: Vec<(Nameable, Vec<OrgTag>)> = asked.collect();
    let named = named(&archive.coll, Naming::Lasting, &asked).await?;
    let (mut shown, mut gone) = (Vec::new(), Vec::new());
    for ((row, hash), named) in read.into_iter().zip(named) {
        let hidden = doc! {"_id": &row.row, "gone": true};
        if !named {
            gone.push(hidden);
            continue;
        }
        let first: Vec<At> = first_with(hash, &row.orgid).read(&archive.coll).await?;
        let mut set = doc! {"$unset": {"gone": ""}};
        if let Some(first) = first.first() {
            set.insert("$set", doc! {"first": first.timestamp});
        }
        shown.push(Update {
            filter: hidden,
            update: set.into(),
            upsert: false,
        });
    }
    bulk::update(&archive.values, &shown, SHOWING)
        .await?
        .whole(SHOWING)?;
    bulk::delete(&archive.values, &gone, REMOVING).await?;
    rows::done(&archive.going, &rows).await?;
    Ok(rows.len() as u64)
}

/// Finds the first observed event of an organisation that names a value, from the index alone.
pub(crate) fn first_with(value: Hash, orgid: &str) -> Find {
    let elements = references(value, &[OrgTag::of(orgid)], Kinds::OBSERVED);
    let filter = doc! {"_keys": {"$in": elements}, "_tie": {"$gte": LEAST_TIE}};
    Find::new(SHOWING, EVENT_KEYS, filter)
        .project(doc! {"_id": 0, "timestamp": 1})
        .sort(doc! {"timestamp": 1, "_tie": -1})
        .limit(1)
}
