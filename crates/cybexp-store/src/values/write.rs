//! Writing the rows of values.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::{RawDocumentBuf, doc};
use futures::{StreamExt, TryStreamExt, stream};
use tahoe_core::{Attribute, Hash};

use crate::archive::ids::OrgTag;
use crate::error::{Doing, StoreError};
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::Documents;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;
use crate::recent::Recent;
use crate::values::row::{self, StoredRow};

const LOOKING: &str = "asking which values are known";
const INSERTING: &str = "writing new values";
const MOVING: &str = "moving the first time of values";

/// The most rows that are remembered, about 45 bytes each.
const MOST: usize = 200_000;
/// Time for which a row is trusted to exist. The sweep waits longer between hiding a row and deleting it.
const TRUST: Duration = Duration::from_secs(300);
/// Parts of [`ASK`] rows that are written at once.
const AT_ONCE: usize = 2;

/// An attribute that an observed event of an organisation has.
#[derive(Debug)]
pub(crate) struct SeenValue<'a> {
    pub org: OrgTag,
    pub attribute: &'a Attribute,
    /// The time of the first of the events, in Unix seconds.
    pub first: f64,
}

/// The part of an organisation's tag by which rows are remembered, and the hash of the attribute.
type Key = ([u8; 16], Hash);

/// Writes rows, and remembers those that were written a moment ago; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ValueWriter {
    coll: Documents,
    /// When rows were seen to exist, and their first time.
    known: Arc<Mutex<Recent<Key, f64>>>,
}

impl ValueWriter {
    pub(crate) fn new(coll: &Documents) -> Self {
        Self {
            coll: coll.clone(),
            known: Arc::new(Mutex::new(Recent::new(MOST))),
        }
    }

    /// Writes the rows of these values, or moves their first times back. Writing them again changes nothing.
    pub(crate) async fn write(&self, values: Vec<SeenValue<'_>>) -> Result<(), StoreError> {
        let begun = Instant::now();
        let unknown = self.unknown(values);
        let mut rows: Vec<(String, SeenValue<'_>)> = unknown
            .into_iter()
            .filter_map(|value| Some((row::id(&value.org, value.attribute)?, value)))
            .collect();
        // neighbours in the index are written together
        rows.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let parts = rows.chunks(ASK).map(|part| self.write_part(part));
        let parts: Vec<_> = parts.collect();
        let done: Vec<()> = stream::iter(parts)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        drop(done);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, value) in &rows {
            known.put(&key(value), begun, value.first);
        }
        Ok(())
    }

    /// Drops the values whose rows are known, and have an earlier first time.
    fn unknown<'a>(&self, mut values: Vec<SeenValue<'a>>) -> Vec<SeenValue<'a>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        values.retain(|value| {
            let known = known.get(&key(value));
            known.is_none_or(|(ago, first)| ago > TRUST || value.first < *first)
        });
        values
    }

    /// Looks which rows exist, and writes only what is new: most values of a batch are known.
    async fn write_part(&self, rows: &[(String, SeenValue<'_>)]) -> Result<(), StoreError> {
        let ids: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
        let stored: Vec<StoredRow> = known(&ids).read(&self.coll).await?;
        let stored: HashMap<&str, &StoredRow> =
            stored.iter().map(|row| (row.id.as_str(), row)).collect();
        let (mut new, mut later) = (Vec::new(), Vec::new());
        for (id, value) in rows {
            match stored.get(id.as_str()) {
                Some(row) if row.first <= value.first && !row.gone => {}
                Some(_) => later.push(seen_again(id, value)),
                None => new.push((id, value)),
            }
        }
        if !new.is_empty() {
            let document = |(id, value): &(&String, &SeenValue<'_>)| {
                let row = row::document(id, &value.org, value.attribute, value.first);
                RawDocumentBuf::try_from(&row).doing(INSERTING)
            };
            let documents: Vec<RawDocumentBuf> =
                new.iter().map(document).collect::<Result<_, _>>()?;
            let (inserted, failures) = bulk::insert(&self.coll, &documents, INSERTING).await?;
            if let Some(failure) = failures.into_iter().next() {
                return Err(failure.into_error(INSERTING));
            }
            if inserted < documents.len() as u64 {
                // another process inserted some of them, perhaps with a later time
                later.extend(new.iter().map(|(id, value)| seen_again(id, value)));
            }
        }
        bulk::update(&self.coll, &later, MOVING)
            .await?
            .whole(MOVING)?;
        Ok(())
    }
}

fn key(value: &SeenValue<'_>) -> Key {
    let mut org = [0; 16];
    org.copy_from_slice(&value.org.bytes()[..16]);
    (org, value.attribute.hash())
}

/// Finds the rows with these ids.
pub(crate) fn known(ids: &[&str]) -> Find {
    Find::new(LOOKING, ID, doc! {"_id": {"$in": ids}}).project(row::fields())
}

/// Makes the update of a row of whose value there is an event. A row that was hidden begins anew, and one that was deleted in
/// the meantime is made again.
pub(crate) fn seen_again(id: &str, value: &SeenValue<'_>) -> Update {
    let mut row = row::document(id, &value.org, value.attribute, value.first);
    row.remove("_id");
    let known = doc! {"$cond": ["$gone", null, "$first"]};
    row.insert("first", doc! {"$min": [known, value.first]});
    row.insert("gone", "$$REMOVE");
    Update {
        filter: doc! {"_id": id},
        update: vec![doc! {"$set": row}].into(),
        upsert: true,
    }
}
