//! The versions of filters, and the raws that a risen version has to read again.
//!
//! The collection beside the archive holds the highest version of each filter. A worker of a lower version rests. When a
//! version rises, all raws that it has not read wait for it again; until the workers of the version before have ended
//! their leases, they may still mark raws, so the walk that finds these raws begins one lease later.

use std::time::Duration;

use bson::{Bson, doc};
use mongodb::options::ReturnDocument;
use serde::Deserialize;

use crate::archive::ids::RawId;
use crate::error::{Doing, StoreError};
use crate::mongo::bulk;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::mongo::lease::LEASE;
use crate::raws::queue::Raws;

const ANNOUNCING: &str = "announcing a filter";
const WALKING: &str = "looking for raws that a filter has not read";
const WAITING: &str = "having raws read by a filter";

/// Raws that are looked at by one command.
const PART: i64 = 2000;

/// A filter as a worker runs it.
#[derive(Debug, Clone, Copy)]
pub struct FilterVersion<'a> {
    /// The filter's name.
    pub name: &'a str,
    /// The filter's version.
    pub version: u32,
    /// The typetags of the raws that it reads.
    pub typetags: &'a [&'a str],
}

impl FilterVersion<'_> {
    fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// The place of a worker's version among those of all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A higher version is at work: this worker rests.
    Outdated,
    /// This version is the highest, and all raws that it has to read wait for it.
    Current,
    /// This version is the highest. Older raws are made to wait for it by [`Raws::walk`], this time from now.
    Risen(Duration),
}

#[derive(Deserialize)]
struct Row {
    version: i64,
    /// The version for which all raws were looked through.
    #[serde(default)]
    walked: i64,
    /// Milliseconds since the version rose.
    age: i64,
    /// The `_id` of the raw up to which all were looked through, for the version that rose last.
    #[serde(default)]
    place: Option<Bson>,
}

/// The part of a raw that tells whether it waits for a filter.
#[derive(Deserialize)]
struct Waiting {
    _id: Bson,
    sub_type: String,
    #[serde(default)]
    filters: Vec<String>,
}

impl Raws {
    /// Announces the version that a worker runs, and returns its place among those of all workers.
    pub async fn announce(&self, filter: FilterVersion<'_>) -> Result<Standing, StoreError> {
        let version = i64::from(filter.version);
        let rises = doc! {"$lt": [{"$ifNull": ["$version", 0_i64]}, version]};
        // nobody may still work with a version before the first
        let since =
            doc! {"$cond": [{"$gt": ["$version", 0_i64]}, "$$NOW", bson::DateTime::from_millis(0)]};
        let set = doc! {
            "risen": {"$cond": [rises.clone(), since, "$risen"]},
            "place": {"$cond": [rises, null, "$place"]},
            "version": {"$max": ["$version", version]},
        };
        let coll = &self.archive.filters;
        let update = coll
            .named(ANNOUNCING)
            .find_one_and_update(
                doc! {"_id": filter.name},
                vec![
                    doc! {"$set": set},
                    doc! {"$set": {"age": {"$subtract": ["$$NOW", "$risen"]}}},
                ],
            )
            .with(|update| update.upsert(true).return_document(ReturnDocument::After));
        let Some(row) = update.send().await? else {
            return Ok(Standing::Outdated);
        };
        let row: Row = bson::deserialize_from_slice(row.as_bytes()).doing(ANNOUNCING)?;
        Ok(if row.version > version {
            Standing::Outdated
        } else if row.walked == version {
            Standing::Current
        } else {
            let age = Duration::from_millis(row.age.max(0).cast_unsigned());
            Standing::Risen(LEASE.saturating_sub(age))
        })
    }

    /// Makes the next raws wait for a filter that it reads and has not read, and returns their number; `None` once all
    /// raws were looked through. It goes on where the last walk ended, and may run beside others.
    pub async fn walk(&self, filter: FilterVersion<'_>) -> Result<Option<u64>, StoreError> {
        let (coll, versions) = (&self.archive.coll, &self.archive.filters);
        let row: Option<Row> = Find::new(WALKING, ID, doc! {"_id": filter.name})
            .project(doc! {"version": 1, "walked": 1, "place": 1, "age": 1})
            .read(versions)
            .await?
            .pop();
        let raws: Vec<Waiting> = after(row.and_then(|row| row.place)).read(coll).await?;
        let ours = doc! {"_id": filter.name, "version": i64::from(filter.version)};
        let Some(last) = raws.last() else {
            let done = doc! {"$set": {"walked": i64::from(filter.version)}};
            versions
                .named(WALKING)
                .update_one(ours, done)
                .send()
                .await?;
            return Ok(None);
        };
        let place = doc! {"$set": {"place": &last._id}};
        let id = filter.id();
        let lack = raws.iter().filter(|raw| {
            filter.typetags.contains(&raw.sub_type.as_str()) && !raw.filters.contains(&id)
        });
        let lack: Vec<&Bson> = lack.map(|raw| &raw._id).collect();
        let mut waiting = 0;
        if !lack.is_empty() {
            let raws = doc! {"_id": {"$in": lack}, "filters": {"$ne": id}};
            let update = doc! {"$addToSet": {"_todo": filter.name}};
            waiting = bulk::update_all(coll, &[(raws, update)], WAITING).await?;
        }
        versions
            .named(WALKING)
            .update_one(ours, place)
            .send()
            .await?;
        Ok(Some(waiting))
    }
}

/// Finds the raws behind this place, in the order of their ids.
pub(crate) fn after(place: Option<Bson>) -> Find {
    let mut ids = RawId::begins(&[]);
    if let Some(place) = place {
        ids.remove("$gte");
        ids.insert("$gt", place);
    }
    Find::new(WALKING, ID, doc! {"_id": ids})
        .project(doc! {"sub_type": 1, "filters": 1})
        .sort(doc! {"_id": 1})
        .limit(PART)
}
