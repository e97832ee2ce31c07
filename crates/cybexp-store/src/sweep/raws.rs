//! Raws that are older than the settings keep, and the events that no raw makes any more.
//!
//! A raw is noted before it is deleted, and its events go after it. Its row stays until no worker can have the raw in hand,
//! and is then looked at once more. So a sweep that dies in between is completed by the next one, and a raw that was
//! submitted anew in the meantime is read again.

use std::collections::BTreeSet;
use std::time::Duration;

use bson::{Bson, Document, doc};
use serde::Deserialize;

use crate::archive::ids::RawId;
use crate::archive::missing;
use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::graph::write::replace::{JudgedEvents, Remade};
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk;
use crate::mongo::find::Find;
use crate::mongo::indexes::RAW_TYPE;
use crate::raws::outcome::name_of;
use crate::sweep::rows::{self, GoingRaw, GoingRow, RowKind};

const LOOKING: &str = "looking for raws to remove";
const TYPETAGS: &str = "looking for typetags";
const REMOVING: &str = "removing raws";
const AGAIN: &str = "having raws read again that came back";

/// The most raws of a step.
const STEP: i64 = 500;

/// A raw that may be removed.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OldRaw {
    #[serde(rename = "_id")]
    pub id: RawId,
    pub timestamp: f64,
    #[serde(default)]
    pub filters: Vec<String>,
    #[serde(default, rename = "_todo")]
    pub todo: Vec<String>,
}

impl OldRaw {
    /// Returns the raw with the names of the filters that read it or are to read it.
    fn going(&self) -> GoingRaw {
        let read = self.filters.iter().map(|id| name_of(id));
        let names: BTreeSet<&str> = read.chain(self.todo.iter().map(String::as_str)).collect();
        GoingRaw {
            id: self.id,
            accepted: self.timestamp,
            filters: names.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// Numbers of what was removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RemovedRaws {
    pub raws: u64,
    pub events: u64,
}

/// Finds raws of a typetag that were accepted between these times, the second excluded, oldest first.
pub(crate) fn older(typetag: &str, from: f64, before: f64) -> Find {
    let times = doc! {"$gte": from, "$lt": before};
    let filter = doc! {"itype": "raw", "sub_type": typetag, "timestamp": times};
    Find::new(LOOKING, RAW_TYPE, filter)
        .project(doc! {"_id": 1, "timestamp": 1, "filters": 1, "_todo": 1})
        .sort(doc! {"timestamp": 1})
        .limit(STEP)
}

/// Finds the first typetag behind this one.
pub(crate) fn typetag_after(typetag: &str) -> Find {
    let filter = doc! {"itype": "raw", "sub_type": {"$gt": typetag}};
    Find::new(TYPETAGS, RAW_TYPE, filter)
        .project(doc! {"_id": 0, "sub_type": 1})
        .sort(doc! {"sub_type": 1})
        .limit(1)
}

/// Makes the condition of a raw that may be deleted: it waits for no filter.
fn unread(id: Bson) -> Document {
    doc! {"_id": id, "_todo": {"$exists": false}}
}

/// Removes raws that wait for no filter, and the events that no other raw makes.
pub(crate) async fn remove(
    archive: &Archive,
    writer: &GraphWriter,
    raws: &[OldRaw],
) -> Result<RemovedRaws, StoreError> {
    let filters: Vec<Document> = raws.iter().map(|raw| unread(raw.id.bson())).collect();
    remove_where(archive, writer, raws, &filters, JudgedEvents::Stay).await
}

/// Removes raws that meet these conditions, one for each, and the events that no other raw makes.
pub(crate) async fn remove_where(
    archive: &Archive,
    writer: &GraphWriter,
    raws: &[OldRaw],
    conditions: &[Document],
    judged: JudgedEvents,
) -> Result<RemovedRaws, StoreError> {
    let named: Vec<GoingRaw> = raws.iter().map(OldRaw::going).collect();
    rows::note_raws(&archive.going, &named).await?;
    let removed = bulk::delete(&archive.coll, conditions, REMOVING).await?;
    let (gone, _) = still_there(archive, named).await?;
    Ok(RemovedRaws {
        raws: removed,
        events: remove_events(writer, &gone, judged).await?,
    })
}

/// Looks again at what was removed at least this long ago. Returns the number of raws, and of events that were removed.
pub(crate) async fn look_again(
    archive: &Archive,
    writer: &GraphWriter,
    age: Duration,
) -> Result<(u64, u64), StoreError> {
    let find = rows::due(RowKind::Raw, age, STEP);
    let rows: Vec<GoingRow> = find.read(&archive.going).await?;
    if rows.is_empty() {
        return Ok((0, 0));
    }
    let named = rows.iter().filter_map(GoingRow::raw).collect();
    let (gone, back) = still_there(archive, named).await?;
    let events = remove_events(writer, &gone, JudgedEvents::Stay).await?;
    // events of a raw that came back may have been removed after they were written
    for raw in back.iter().filter(|raw| !raw.filters.is_empty()) {
        let filters: Vec<String> = raw.filters.iter().map(|name| format!("{name}@0")).collect();
        let update = doc! {
            "$addToSet": {"_todo": {"$each": &raw.filters}}, "$set": {"filters": filters},
        };
        bulk::update_all(
            &archive.coll,
            &[(doc! {"_id": raw.id.bson()}, update)],
            AGAIN,
        )
        .await?;
    }
    rows::done(&archive.going, &rows).await?;
    Ok((rows.len() as u64, events))
}

/// Divides raws into those that are gone, and those that are stored.
async fn still_there(
    archive: &Archive,
    raws: Vec<GoingRaw>,
) -> Result<(Vec<GoingRaw>, Vec<GoingRaw>), StoreError> {
    let ids: Vec<Bson> = raws.iter().map(|raw| raw.id.bson()).collect();
    let existing = missing::existing(&archive.coll, ids.iter()).await?;
    Ok(raws
        .into_iter()
        .partition(|raw| !existing.holds(&raw.id.bson())))
}

/// Removes what filters made of raws that are gone, unless another raw makes it.
async fn remove_events(
    writer: &GraphWriter,
    gone: &[GoingRaw],
    judged: JudgedEvents,
) -> Result<u64, StoreError> {
    let filters: BTreeSet<&str> = gone
        .iter()
        .flat_map(|raw| raw.filters.iter().map(String::as_str))
        .collect();
    let mut removed = 0;
    for filter in filters {
        let of = gone
            .iter()
            .filter(|raw| raw.filters.iter().any(|name| name == filter));
        let remade: Vec<Remade<'_>> = of
            .map(|raw| Remade {
                raw: raw.id,
                accepted: raw.accepted,
                made: &[],
            })
            .collect();
        removed += writer.replace_or(filter, &remade, judged).await?;
    }
    Ok(removed)
}

/// Returns the time of the oldest raw of a typetag, in Unix seconds.
pub(crate) async fn oldest(archive: &Archive, typetag: &str) -> Result<Option<f64>, StoreError> {
    let find = older(typetag, f64::NEG_INFINITY, f64::INFINITY).limit(1);
    let found: Vec<OldRaw> = find.read(&archive.coll).await?;
    Ok(found.first().map(|raw| raw.timestamp))
}
