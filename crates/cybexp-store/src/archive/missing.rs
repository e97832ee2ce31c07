//! Instances in the archive: finding those that are stored, and inserting the others.

use std::collections::HashSet;

use bson::{RawDocumentBuf, doc};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::error::StoreError;
use crate::mongo::bulk;
use crate::mongo::collection::{Documents, to_document};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::IDENTITY;

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
}

impl Written {
    pub(crate) fn add(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.existing += other.existing;
        self.rejected.extend(other.rejected);
    }
}

/// Key that identifies an instance in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub(crate) struct InstanceKey {
    _hash: String,
    #[serde(default)]
    orgid: Option<String>,
}

/// The keys of those instances that are stored.
pub(crate) struct Existing(HashSet<InstanceKey>);

impl Existing {
    /// Whether this event is stored.
    pub(crate) fn holds(&self, hash: Hash, orgid: &str) -> bool {
        self.contains(hash, Some(orgid))
    }

    fn contains(&self, hash: Hash, orgid: Option<&str>) -> bool {
        self.0.contains(&InstanceKey {
            _hash: hash.to_string(),
            orgid: orgid.map(str::to_owned),
        })
    }
}

/// Inserts the instances that are not stored. Each is given by its hash, its orgid if its kind has one, and its
/// content.
pub(crate) async fn insert<'a, T: serde::Serialize>(
    coll: &Documents,
    instances: impl Iterator<Item = (Hash, Option<&'a str>, T)>,
    doing: &'static str,
) -> Result<Written, StoreError> {
    let mut instances: Vec<_> = instances.collect();
    // neighbours in the index are written together, and every worker writes in the same order
    instances.sort_unstable_by_key(|(hash, orgid, _)| (*hash, *orgid));
    instances.dedup_by_key(|(hash, orgid, _)| (*hash, *orgid));
    let mut written = Written::default();
    for part in instances.chunks(PART) {
        written.add(insert_part(coll, part, doing).await?);
    }
    Ok(written)
}

/// Inserts the instances of a part that are not stored. It holds at most as many documents as fit in a few commands.
async fn insert_part<T: serde::Serialize>(
    coll: &Documents,
    instances: &[(Hash, Option<&str>, T)],
    doing: &'static str,
) -> Result<Written, StoreError> {
    let existing = existing(coll, instances.iter().map(|(hash, ..)| *hash)).await?;
    let mut written = Written::default();
    let mut hashes = Vec::new();
    let mut documents: Vec<RawDocumentBuf> = Vec::new();
    let mut bytes = 0;
    for (hash, orgid, instance) in instances {
        if existing.contains(*hash, *orgid) {
            written.existing += 1;
            continue;
        }
        match to_document(instance) {
            Ok(document) => {
                bytes += document.as_bytes().len();
                hashes.push(*hash);
                documents.push(document);
            }
            Err(reason) => written.rejected.push(Rejected {
                hash: *hash,
                reason,
            }),
        }
        if bytes >= PART_BYTES {
            insert_documents(coll, &mut hashes, &mut documents, doing, &mut written).await?;
            bytes = 0;
        }
    }
    insert_documents(coll, &mut hashes, &mut documents, doing, &mut written).await?;
    Ok(written)
}

/// Inserts the documents, which have these hashes, and empties both lists.
async fn insert_documents(
    coll: &Documents,
    hashes: &mut Vec<Hash>,
    documents: &mut Vec<RawDocumentBuf>,
    doing: &'static str,
    written: &mut Written,
) -> Result<(), StoreError> {
    let (inserted, failures) = bulk::insert(coll, documents, doing).await?;
    written.inserted += inserted;
    // another process inserted the others in the meantime
    written.existing += (documents.len() - failures.len()) as u64 - inserted;
    let failures = failures.into_iter();
    written.rejected.extend(failures.map(|failure| Rejected {
        hash: hashes[failure.index],
        reason: failure.message,
    }));
    hashes.clear();
    documents.clear();
    Ok(())
}

/// Returns the keys of those that are stored. At the share of known instances in real logs, looking first is four times
/// as fast as having the unique index refuse them.
pub(crate) async fn existing(
    coll: &Documents,
    hashes: impl Iterator<Item = Hash>,
) -> Result<Existing, StoreError> {
    let hashes: Vec<String> = hashes.map(|hash| hash.to_string()).collect();
    let parts = hashes.chunks(ASK).map(|part| by_hash(part).read(coll));
    let found: Vec<Vec<InstanceKey>> = futures::future::try_join_all(parts).await?;
    Ok(Existing(found.into_iter().flatten().collect()))
}

pub(crate) fn by_hash(hashes: &[String]) -> Find {
    let filter = doc! {"_hash": {"$in": hashes}};
    Find::new("asking which instances exist", IDENTITY, filter)
        .project(doc! {"_id": 0, "_hash": 1, "orgid": 1})
}
