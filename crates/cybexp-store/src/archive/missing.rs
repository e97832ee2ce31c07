//! Instances in the archive: finding those that are stored, and inserting the others.

use std::collections::HashSet;

use bson::{Bson, RawDocumentBuf, doc};
use tahoe_core::Hash;

use crate::archive::ids;
use crate::error::StoreError;
use crate::mongo::bulk::{self, DUPLICATE_KEY};
use crate::mongo::collection::Documents;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;

/// The most instances that are looked up and written together: enough commands to keep the server busy.
const PART: usize = 32 * ASK;
/// The most bytes of instances held before they are written.
const PART_BYTES: usize = 32 << 20;

/// An instance that the archive cannot store.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// The instance's hash.
    pub hash: Hash,
    /// The reason.
    pub reason: String,
}

/// The result of writing a batch.
#[derive(Debug, Default, Clone)]
pub struct Written {
    /// The number of instances that were new.
    pub inserted: u64,
    /// The number of instances that were stored before.
    pub existing: u64,
    /// Instances that the archive cannot store, now or later.
    pub rejected: Vec<Rejected>,
    /// Hashes of the events among the new instances.
    pub new_events: Vec<Hash>,
}

impl Written {
    pub(crate) fn add(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.existing += other.existing;
        self.rejected.extend(other.rejected);
        self.new_events.extend(other.new_events);
    }
}

/// An instance to be inserted, by its `_id`.
#[derive(Debug)]
pub(crate) struct New<T> {
    pub id: Bson,
    pub hash: Hash,
    pub content: T,
}

/// The `_id`s of those instances that are stored.
#[derive(Debug, Default)]
pub(crate) struct Existing(HashSet<Vec<u8>>);

impl Existing {
    pub(crate) fn holds(&self, id: &Bson) -> bool {
        matches!(id, Bson::Binary(binary) if self.0.contains(&binary.bytes))
    }
}

/// Inserts the instances that are not stored. `document` makes the document of one, or tells why it is impossible; the
/// instance is dropped before its document is sent.
pub(crate) async fn insert<T>(
    coll: &Documents,
    mut instances: Vec<New<T>>,
    document: impl Fn(New<T>) -> Result<RawDocumentBuf, String>,
    doing: &'static str,
) -> Result<Written, StoreError> {
    // neighbours in the index are written together
    instances.sort_unstable_by_key(|new| new.hash);
    let mut written = Written::default();
    let mut rest = instances.into_iter();
    while rest.len() > 0 {
        let part: Vec<New<T>> = rest.by_ref().take(PART).collect();
        written.add(insert_part(coll, part, &document, doing).await?);
    }
    Ok(written)
}

/// Inserts the instances of a part that are not stored. It holds at most as many documents as fit in a few commands.
async fn insert_part<T>(
    coll: &Documents,
    instances: Vec<New<T>>,
    make: impl Fn(New<T>) -> Result<RawDocumentBuf, String>,
    doing: &'static str,
) -> Result<Written, StoreError> {
    let existing = existing(coll, instances.iter().map(|new| &new.id)).await?;
    let mut written = Written::default();
    let mut hashes = Vec::new();
    let mut documents: Vec<RawDocumentBuf> = Vec::new();
    let mut bytes = 0;
    for new in instances {
        if existing.holds(&new.id) {
            written.existing += 1;
            continue;
        }
        let hash = new.hash;
        match make(new) {
            Ok(document) => {
                bytes += document.as_bytes().len();
                hashes.push(hash);
                documents.push(document);
            }
            Err(reason) => written.rejected.push(Rejected { hash, reason }),
        }
        if bytes >= PART_BYTES {
            insert_documents(coll, &mut hashes, &mut documents, doing, &mut written).await?;
            bytes = 0;
        }
    }
    insert_documents(coll, &mut hashes, &mut documents, doing, &mut written).await?;
    Ok(written)
}

/// Inserts the documents, which have these hashes, and empties both lists. Returns the hashes of those that another
/// process inserted in the meantime.
pub(crate) async fn insert_documents(
    coll: &Documents,
    hashes: &mut Vec<Hash>,
    documents: &mut Vec<RawDocumentBuf>,
    doing: &'static str,
    written: &mut Written,
) -> Result<Vec<Hash>, StoreError> {
    let (inserted, failures) = bulk::insert_identified(coll, documents, doing).await?;
    written.inserted += inserted;
    let mut raced = Vec::new();
    for failure in failures {
        let hash = hashes[failure.index];
        if failure.code == DUPLICATE_KEY {
            written.existing += 1;
            raced.push(hash);
        } else {
            written.rejected.push(Rejected {
                hash,
                reason: failure.message,
            });
        }
    }
    hashes.clear();
    documents.clear();
    Ok(raced)
}

/// Returns the ids of those that are stored. At the share of known instances in real logs, looking first is four times
/// as fast as having the unique index refuse them.
pub(crate) async fn existing(
    coll: &Documents,
    wanted: impl Iterator<Item = &Bson>,
) -> Result<Existing, StoreError> {
    let wanted: Vec<Bson> = wanted.cloned().collect();
    let parts = wanted.chunks(ASK).map(|part| by_id(part).all(coll));
    let found: Vec<Vec<RawDocumentBuf>> = futures::future::try_join_all(parts).await?;
    let found = found.iter().flatten().filter_map(|row| {
        let id = row.get_binary("_id").ok()?;
        Some(ids::bytes_of(id)?.to_vec())
    });
    Ok(Existing(found.collect()))
}

/// Finds which of these ids are stored, from the index alone.
pub(crate) fn by_id(ids: &[Bson]) -> Find {
    let filter = doc! {"_id": {"$in": ids}};
    Find::new("asking which instances exist", ID, filter).project(doc! {"_id": 1})
}
