//! The place of the walk through an archive of an earlier release.

use bson::{Bson, Document, doc};
use serde::Deserialize;

use crate::archive::keys::LEAST_TIE;
use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::{EVENT_KEYS, ID};

const PLACE: &str = "keeping the place of a walk";

/// `_id` of the document with the place.
const WALK: &str = "walk";

/// The place of the walk.
#[derive(Debug, Deserialize)]
pub(crate) struct StoredPlace {
    /// The `_id` up to which all was walked through.
    #[serde(default)]
    pub place: Option<Bson>,
    #[serde(default)]
    pub done: bool,
}

/// Spares an archive without events the walk.
pub(crate) async fn begin(archive: &Documents, values: &Documents) -> Result<(), StoreError> {
    if place(values).await?.is_some() || any_event().count(archive).await? > 0 {
        return Ok(());
    }
    keep(values, doc! {"$setOnInsert": {"done": true}}).await
}

/// Whether all events have been walked through.
pub(crate) async fn is_done(values: &Documents) -> Result<bool, StoreError> {
    Ok(place(values).await?.is_some_and(|stored| stored.done))
}

/// Reads the place; there is none before the walk begins.
pub(crate) async fn place(values: &Documents) -> Result<Option<StoredPlace>, StoreError> {
    let find = Find::new(PLACE, ID, doc! {"_id": WALK}).project(doc! {"place": 1, "done": 1});
    Ok(find.read(values).await?.pop())
}

/// Changes the place.
pub(crate) async fn keep(values: &Documents, update: Document) -> Result<(), StoreError> {
    let keep = values.named(PLACE).update_one(doc! {"_id": WALK}, update);
    keep.with(|update| update.upsert(true)).send().await?;
    Ok(())
}

/// Finds an event.
pub(crate) fn any_event() -> Find {
    let filter = doc! {"_tie": {"$gte": LEAST_TIE}};
    Find::new("looking for an event", EVENT_KEYS, filter).limit(1)
}
