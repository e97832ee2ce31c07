//! The versions of second-stage filters, and how far each has gone through what was there before it.
//!
//! The rows stand beside those of the first stage, in the collection of filters. A filter's version has two parts: that of
//! its code, of which the highest counts, and that of its data, of which the one that a worker started with last counts.

use std::time::Duration;

use bson::{Bson, doc};
use mongodb::options::ReturnDocument;
use serde::Deserialize;

use crate::archive::open::Archive;
use crate::error::{Doing, StoreError};
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::mongo::lease::{LEASE, Lease};
use crate::raws::versions::VersionStanding;

const ANNOUNCING: &str = "announcing a second-stage filter";
const READING: &str = "reading how far a filter is";
const NOTING: &str = "noting how far a filter is";

/// A second-stage filter as a worker runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondVersion {
    /// The filter's name.
    pub name: &'static str,
    /// The version of its code.
    pub version: u32,
    /// The filter's id, which also names the version of its data.
    pub id: String,
}

/// How far a filter has gone through the archive.
#[derive(Debug, Clone, PartialEq)]
pub struct BackfillProgress {
    /// The id of the filter that goes, or went, through it.
    pub id: String,
    /// The share of the archive that it has read, from 0 to 1.
    pub share: f64,
    /// Whether it is through.
    pub done: bool,
}

/// The progress of second-stage filters in an archive.
#[derive(Debug)]
pub struct Backfill {
    pub(super) archive: Archive,
    lease: Lease,
}

#[derive(Deserialize)]
struct Row {
    version: i64,
    #[serde(default)]
    id: String,
    /// The id for which all of the archive was read.
    #[serde(default)]
    walked: String,
    /// Milliseconds since the version rose.
    #[serde(default)]
    age: i64,
    /// The `_id` of the document up to which all was read.
    #[serde(default)]
    place: Option<Bson>,
}

impl Backfill {
    /// Opens the progress of the filters. `name` is that of the filter which this worker may carry on with.
    pub async fn open(archive: &Archive, name: &str) -> Result<Self, StoreError> {
        let work = format!("backfill {name}");
        Ok(Self {
            archive: archive.clone(),
            lease: Lease::open(&archive.server, &archive.db, &work).await?,
        })
    }

    fn filters(&self) -> &Documents {
        &self.archive.filters
    }

    /// Announces the version that a worker runs, and returns its place among those of all workers. `claims`: this is the
    /// worker's start, at which other data take the place of those that were used before.
    pub async fn announce(
        &self,
        filter: &SecondVersion,
        claims: bool,
    ) -> Result<VersionStanding, StoreError> {
        let version = i64::from(filter.version);
        let known = doc! {"$ifNull": ["$version", 0_i64]};
        let higher = doc! {"$lt": [&known, version]};
        let other = doc! {"$and": [
            claims, {"$eq": [&known, version]}, {"$ne": ["$id", {"$literal": &filter.id}]},
        ]};
        let rises = doc! {"$or": [higher, other]};
        // nobody may still work with a version before the first
        let since =
            doc! {"$cond": [{"$gt": ["$version", 0_i64]}, "$$NOW", bson::DateTime::from_millis(0)]};
        let set = doc! {
            "risen": {"$cond": [&rises, since, "$risen"]},
            "place": {"$cond": [&rises, null, "$place"]},
            "id": {"$cond": [&rises, {"$literal": &filter.id}, "$id"]},
            "version": {"$max": ["$version", version]},
        };
        let update = self
            .filters()
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
            return Ok(VersionStanding::Outdated);
        };
        let row: Row = bson::deserialize_from_slice(row.as_bytes()).doing(ANNOUNCING)?;
        Ok(if row.version > version || row.id != filter.id {
            VersionStanding::Outdated
        } else if row.walked == filter.id {
            VersionStanding::Current
        } else {
            let age = Duration::from_millis(row.age.max(0).cast_unsigned());
            VersionStanding::Risen(LEASE.saturating_sub(age))
        })
    }

    /// Makes a filter go through the whole archive again, unless it is at it.
    pub async fn restart(&self, filter: &SecondVersion) -> Result<(), StoreError> {
        self.announce(filter, true).await?;
        let through = doc! {"_id": filter.name, "id": &filter.id, "walked": &filter.id};
        let again = doc! {"$set": {"walked": "", "place": null}};
        let noting = self.filters().named(NOTING);
        noting.update_one(through, again).send().await?;
        Ok(())
    }

    /// Returns how far a filter, given by its name, is; `None` if no worker has run it.
    pub async fn progress(&self, filter: &str) -> Result<Option<BackfillProgress>, StoreError> {
        Ok(self.row(filter).await?.map(|row| BackfillProgress {
            done: row.walked == row.id,
            share: match row.walked == row.id {
                true => 1.0,
                false => share(row.place.as_ref()),
            },
            id: row.id,
        }))
    }

    async fn row(&self, filter: &str) -> Result<Option<Row>, StoreError> {
        let find = Find::new(READING, ID, doc! {"_id": filter});
        Ok(find.read(self.filters()).await?.pop())
    }

    /// Takes the work of going through the archive for a filter, for half a minute, and returns the place where it goes
    /// on. `None` if another worker has it, another version has risen, or it is done.
    pub(super) async fn begin(
        &mut self,
        filter: &SecondVersion,
    ) -> Result<Option<Option<Bson>>, StoreError> {
        let item = crate::archive::ids::binary(filter.name.as_bytes());
        if self.lease.take_items(vec![item]).await?.is_empty() {
            self.lease.release().await?;
            return Ok(None);
        }
        let row = self.row(filter.name).await?;
        let ours = row.filter(|row| row.id == filter.id && row.walked != row.id);
        if ours.is_none() {
            self.lease.release().await?;
        }
        Ok(ours.map(|row| row.place))
    }

    /// Notes the place up to which a filter has read the archive; `None` if it is through.
    pub(super) async fn note(
        &mut self,
        filter: &SecondVersion,
        place: Option<Bson>,
    ) -> Result<(), StoreError> {
        let set = match &place {
            Some(place) => doc! {"place": place},
            None => doc! {"walked": &filter.id, "place": null},
        };
        let ours = doc! {"_id": filter.name, "id": &filter.id};
        let noting = self.filters().named(NOTING);
        noting.update_one(ours, doc! {"$set": set}).send().await?;
        match place {
            Some(_) => Ok(()),
            None => self.lease.release().await,
        }
    }

    /// Lets another worker carry on.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        self.lease.release().await
    }
}

/// Returns the share of ids before a place: they are hashes, and so evenly spread.
fn share(place: Option<&Bson>) -> f64 {
    let Some(Bson::Binary(place)) = place else {
        return 0.0;
    };
    // the id of a session has the kind before the hash
    let hash = match place.bytes.len() {
        32 => &place.bytes[..],
        _ => place.bytes.get(1..).unwrap_or_default(),
    };
    let first = hash
        .iter()
        .take(4)
        .fold(0_u32, |n, byte| n << 8 | u32::from(*byte));
    f64::from(first) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::ids::binary;

    #[test]
    fn progress_is_read_off_the_place() {
        assert_eq!(share(None), 0.0);
        assert!((share(Some(&binary([0x80; 32]))) - 0.5).abs() < 0.01);
        let mut session = vec![0x40; 49];
        session[0] = b's';
        assert!((share(Some(&binary(session))) - 0.25).abs() < 0.01);
        assert_eq!(share(Some(&binary([1]))), 0.0);
    }
}
