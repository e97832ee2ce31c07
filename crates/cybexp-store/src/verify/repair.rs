//! Repairs of what follows from the archive.

use std::collections::{BTreeMap, BTreeSet};

use bson::{Bson, doc};
use serde::Deserialize;

use crate::error::StoreError;
use crate::graph::journal::Lane;
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::Documents;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;
use crate::sweep::orgs;
use crate::sweep::rows::{self, Candidates};
use crate::tables::headers;
use crate::values::walk::ValueWalk;
use crate::verify::context::Context;
use crate::verify::fault::{FaultKind, Finding};
use crate::verify::values;

const REPAIRING: &str = "repairing what follows from the archive";

/// Repairs those faults that can be repaired, and returns their numbers.
pub(super) async fn repair(
    context: &Context,
    faults: &[Finding],
) -> Result<BTreeMap<FaultKind, u64>, StoreError> {
    let mut keys: BTreeMap<FaultKind, Vec<Bson>> = BTreeMap::new();
    for fault in faults.iter().filter(|fault| fault.kind.is_mendable()) {
        let of_kind = keys.entry(fault.kind).or_default();
        of_kind.push(fault.key.clone());
    }
    let mut repaired = BTreeMap::new();
    for (kind, keys) in keys {
        let archive = context.archive();
        match kind {
            FaultKind::Alone => note(context, &keys).await?,
            FaultKind::Going => {
                for part in keys.chunks(ASK) {
                    let these = doc! {"_id": {"$in": part}};
                    let update = doc! {"$unset": {"_going": ""}};
                    bulk::update_all(&archive.coll, &[(these, update)], REPAIRING).await?;
                }
            }
            FaultKind::Org => {
                let orgs = orgs_of(&archive.coll, &keys).await?;
                orgs::register(archive, &orgs).await?;
            }
            FaultKind::ValueLacks => {
                // the walk makes the rows of all events, and moves first times back
                let walk = ValueWalk::new(archive);
                walk.rebuild().await?;
                while walk.step().await?.is_some() {}
            }
            FaultKind::ValueRow | FaultKind::ValueFirst => value_rows(context, &keys).await?,
            FaultKind::Hour => hours(context, &keys).await?,
            FaultKind::HourAlone => delete(&archive.hours, &keys).await?,
            FaultKind::FeedValue => feeds(context, &keys).await?,
            FaultKind::FeedAlone => {
                if let Some(feeds) = &context.options.feeds {
                    delete(&feeds.values, &keys).await?;
                }
            }
            _ => continue,
        }
        repaired.insert(kind, keys.len() as u64);
    }
    Ok(repaired)
}

async fn delete(coll: &Documents, keys: &[Bson]) -> Result<(), StoreError> {
    let these: Vec<_> = keys.iter().map(|key| doc! {"_id": key}).collect();
    bulk::delete(coll, &these, REPAIRING).await.map(drop)
}

/// Has the sweep look at nodes that nothing names: only it may delete them.
async fn note(context: &Context, keys: &[Bson]) -> Result<(), StoreError> {
    let Some(org) = context.registered.iter().next() else {
        return Ok(());
    };
    // whatever organisation it is, the sweep asks all of them
    let nodes = keys.iter().filter_map(|key| match key {
        Bson::Binary(id) => Some((id.bytes.clone(), org.clone())),
        _ => None,
    });
    let candidates: Candidates = nodes.collect();
    rows::note_candidates(&context.archive().going, &candidates).await
}

async fn orgs_of(coll: &Documents, keys: &[Bson]) -> Result<Vec<String>, StoreError> {
    #[derive(Deserialize)]
    struct Owned {
        orgid: String,
    }
    let mut orgs = BTreeSet::new();
    for part in keys.chunks(ASK) {
        let find = Find::new(REPAIRING, ID, doc! {"_id": {"$in": part}}).project(doc! {"orgid": 1});
        let rows: Vec<Owned> = find.read(coll).await?;
        orgs.extend(rows.into_iter().map(|row| row.orgid));
    }
    Ok(orgs.into_iter().collect())
}

/// Makes rows begin with the first event that has their value, and deletes those without any. What a row of another form
/// stood for is made anew by the walk.
async fn value_rows(context: &Context, keys: &[Bson]) -> Result<(), StoreError> {
    let coll = &context.archive().values;
    let (mut moved, mut gone) = (Vec::new(), Vec::new());
    for key in keys {
        let Bson::String(id) = key else {
            gone.push(key.clone());
            continue;
        };
        match (
            values::first(context, id).await?,
            values::places(context, id),
        ) {
            (Some(first), Some((by, tie))) => moved.push(Update {
                filter: doc! {"_id": key},
                update: doc! {"$set": {"first": first, "by": by, "tie": tie}}.into(),
                upsert: false,
            }),
            _ => gone.push(key.clone()),
        }
    }
    bulk::update(coll, &moved, REPAIRING)
        .await?
        .whole(REPAIRING)?;
    delete(coll, &gone).await
}

/// Has the tables of hours made again by whoever makes them, as after a change of their events.
async fn hours(context: &Context, keys: &[Bson]) -> Result<(), StoreError> {
    let archive = context.archive();
    let hours: BTreeSet<i64> = keys
        .iter()
        .filter_map(|key| match key {
            Bson::Binary(id) => headers::hour_of_id(&id.bytes),
            _ => None,
        })
        .collect();
    let mut lane = Lane::new();
    lane.open(&archive.journal, &hours).await?;
    headers::change(&archive.hours, &hours).await?;
    // a header that only looks right is none that anybody changes
    for part in keys.chunks(ASK) {
        let these = doc! {"_id": {"$in": part}};
        let update = doc! {"$set": {"right": false, "live": false}};
        bulk::update_all(&archive.hours, &[(these, update)], REPAIRING).await?;
    }
    lane.close(&archive.journal).await
}

/// Deletes rows of feeds, and has the archive searched again for what these feeds hold.
async fn feeds(context: &Context, keys: &[Bson]) -> Result<(), StoreError> {
    let Some(feeds) = &context.options.feeds else {
        return Ok(());
    };
    delete(&feeds.values, keys).await?;
    let ids = keys.iter().filter_map(|key| match key {
        Bson::Binary(id) => Some(id.bytes.get(..12)?.to_vec()),
        _ => None,
    });
    let of: BTreeSet<Vec<u8>> = ids.collect();
    for feed in feeds.list().await? {
        if of.contains(&feed.key.bytes()[..]) {
            let again = match feed.is_whole() {
                true => doc! {"$set": {"walk": ""}},
                false => doc! {"$set": {"again": true}},
            };
            feeds.change(&feed, again, REPAIRING).await?;
        }
    }
    Ok(())
}
