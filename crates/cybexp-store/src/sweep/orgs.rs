//! The organisations whose events or sessions the archive holds.
//!
//! Index elements mix the organisation in, so whether anything names an attribute can only be asked for organisations
//! that are known. A writer registers an organisation before it writes the first event or session of it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bson::{Bson, doc};

use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;

const REGISTERING: &str = "registering an organisation";
const READING: &str = "reading the organisations of the archive";
const SEARCHING: &str = "searching the archive for organisations";

/// `_id` of the document that tells that an archive from before the register was searched.
const COMPLETE: bool = true;

/// The organisations that this process registered; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct OrgRegister {
    coll: Documents,
    known: Arc<Mutex<HashSet<String>>>,
}

impl OrgRegister {
    pub(crate) fn new(archive: &Archive) -> Self {
        Self {
            coll: archive.orgs.clone(),
            known: Arc::default(),
        }
    }

    /// Registers those that this process has not registered, acknowledged by a majority.
    pub(crate) async fn register<'a>(
        &self,
        orgs: impl Iterator<Item = &'a str>,
    ) -> Result<(), StoreError> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let new: HashSet<&str> = {
            let known = lock();
            orgs.filter(|org| !known.contains(*org)).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        insert(&self.coll, new.iter().map(|org| Bson::from(*org))).await?;
        lock().extend(new.into_iter().map(str::to_owned));
        Ok(())
    }
}

async fn insert(coll: &Documents, ids: impl Iterator<Item = Bson>) -> Result<(), StoreError> {
    let updates: Vec<Update> = ids
        .map(|id| Update {
            filter: doc! {"_id": id},
            update: doc! {"$setOnInsert": {"seen": true}}.into(),
            upsert: true,
        })
        .collect();
    bulk::update(coll, &updates, REGISTERING)
        .await?
        .whole(REGISTERING)?;
    Ok(())
}

/// Returns all registered organisations.
pub(crate) async fn registered(archive: &Archive) -> Result<Vec<String>, StoreError> {
    let find = Find::new(READING, ID, doc! {"_id": {"$type": "string"}});
    let rows = find.all(&archive.orgs).await?;
    let orgs = rows.iter().filter_map(|row| row.get_str("_id").ok());
    Ok(orgs.map(str::to_owned).collect())
}

/// Registers organisations of which the archive has events.
#[cfg(feature = "inspect")]
pub(crate) async fn register(archive: &Archive, orgs: &[String]) -> Result<(), StoreError> {
    insert(
        &archive.orgs,
        orgs.iter().map(|org| Bson::from(org.as_str())),
    )
    .await
}

/// Whether the archive was searched for organisations from before the register.
pub(crate) async fn is_complete(archive: &Archive) -> Result<bool, StoreError> {
    let marked = Find::new(READING, ID, doc! {"_id": COMPLETE});
    Ok(!marked.all(&archive.orgs).await?.is_empty())
}

/// Searches an archive from before the register, once. That reads all of its documents.
pub(crate) async fn complete(archive: &Archive) -> Result<(), StoreError> {
    if is_complete(archive).await? {
        return Ok(());
    }
    let group = doc! {"$group": {"_id": "$orgid"}};
    let search = archive.coll.named(SEARCHING).aggregate([group]);
    let rows = search.rows().await?.all().await?;
    let orgs = rows.iter().filter_map(|row| row.get_str("_id").ok());
    let orgs: Vec<Bson> = orgs.map(Bson::from).collect();
    insert(&archive.orgs, orgs.into_iter()).await?;
    insert(&archive.orgs, [Bson::from(COMPLETE)].into_iter()).await
}
