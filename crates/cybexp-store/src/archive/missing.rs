//! Instances in the archive: which are there, and inserting those that are not.

use std::collections::HashSet;

use bson::{RawDocumentBuf, doc};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::error::StoreError;
use crate::mongo::bulk;
use crate::mongo::collection::{Documents, to_document};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::IDENTITY;

/// Instances that are asked for and written together: enough commands to keep the server busy.
const PART: usize = 32 * ASK;
/// Where writing begins before that: what a part holds in memory.
const PART_BYTES: usize = 32 << 20;

/// An instance that the archive cannot hold.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// The instance.
    pub hash: Hash,
    /// Why.
    pub reason: String,
}

/// What a batch came to.
#[derive(Debug, Default, Clone)]
pub struct Written {
    /// Instances that were not there before.
    pub inserted: u64,
    /// Instances that were.
    pub existing: u64,
    /// Instances that the archive cannot hold, whoever asks.
    pub rejected: Vec<Rejected>,
}

impl Written {
    pub(crate) fn add(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.existing += other.existing;
        self.rejected.extend(other.rejected);
    }
}

/// What identifies an instance in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub(crate) struct InstanceKey {
    _hash: String,
    #[serde(default)]
    orgid: Option<String>,
}

/// Which of some instances are there.
pub(crate) struct Existing(HashSet<InstanceKey>);

impl Existing {
    /// Whether this event is.
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

/// Inserts the instances that are not there yet, each given by its hash, its orgid if its kind has one, and what is
/// stored of it.
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

/// Inserts those that are not there yet, holding no more documents at once than fit in a few commands.
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

/// Inserts the documents, which are of these hashes, and empties both lists.
async fn insert_documents(
    coll: &Documents,
    hashes: &mut Vec<Hash>,
    documents: &mut Vec<RawDocumentBuf>,
    doing: &'static str,
    written: &mut Written,
) -> Result<(), StoreError> {
    let (inserted, failures) = bulk::insert(coll, documents, doing).await?;
    written.inserted += inserted;
    // another process may have been faster with the rest
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

/// Which of these are there. Asking first is four times as fast as letting the unique index refuse, at
/// the share of known instances that real logs have.
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
