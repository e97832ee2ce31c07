//! The writes of one batch. They may be done twice, and the second time changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bson::{Bson, Document, RawDocumentBuf, doc};
use tahoe_core::Hash;

use crate::archive::ids::{self, binary};
use crate::error::StoreError;
use crate::graph::write::events::addition;
use crate::migrate::report::MigrationReport;
use crate::mongo::bulk::{self, DUPLICATE_KEY, Update};
use crate::mongo::collection::Documents;

const INSERTING: &str = "writing the archive of the new form";
const MERGING: &str = "writing sessions of the new form";
const ADDING: &str = "adding sessions and raws to events of the new form";
const PARKING: &str = "setting sessions without events aside";

/// The writes of one batch, and the counts after it.
#[derive(Debug)]
pub(super) struct Plan {
    pub report: MigrationReport,
    /// Documents of attributes and objects that others of the batch refer to, written first.
    pub nodes: Vec<RawDocumentBuf>,
    pub documents: Vec<RawDocumentBuf>,
    pub sessions: Vec<Update>,
    /// Elements that events get.
    pub keys: BTreeMap<Hash, BTreeSet<Vec<u8>>>,
    /// Sessions whose organisation is not known yet, or is by now.
    pub parked: Vec<Update>,
    ids: HashSet<Vec<u8>>,
}

impl Plan {
    pub(super) fn new(report: &MigrationReport) -> Self {
        Self {
            report: report.clone(),
            nodes: Vec::new(),
            documents: Vec::new(),
            sessions: Vec::new(),
            keys: BTreeMap::new(),
            parked: Vec::new(),
            ids: HashSet::new(),
        }
    }

    /// Whether this `_id` is the first of its kind in the batch.
    pub(super) fn is_first(&mut self, id: &Bson) -> bool {
        match id {
            Bson::Binary(id) => self.ids.insert(id.bytes.clone()),
            _ => false,
        }
    }

    /// Adds an element to the list of an event.
    pub(super) fn add_key(&mut self, event: Hash, element: impl Into<Vec<u8>>) {
        self.keys.entry(event).or_default().insert(element.into());
    }

    /// Writes it all, what is referred to before what refers to it.
    pub(super) async fn write(
        &self,
        coll: &Documents,
        beside: &Documents,
    ) -> Result<(), StoreError> {
        insert(coll, &self.nodes).await?;
        insert(coll, &self.documents).await?;
        update(coll, &self.sessions, MERGING).await?;
        update(beside, &self.parked, PARKING).await?;
        let keys = self.keys.iter().map(|(event, keys)| Update {
            filter: doc! {"_id": ids::of_hash(*event)},
            update: addition(keys.iter().cloned().map(binary)).into(),
            upsert: false,
        });
        let keys: Vec<Update> = keys.collect();
        // two commands at once keep two cores of the server busy
        let (some, others) = keys.split_at(keys.len() / 2);
        futures::try_join!(update(coll, some, ADDING), update(coll, others, ADDING))?;
        Ok(())
    }
}

/// Inserts the documents that are not stored.
async fn insert(coll: &Documents, documents: &[RawDocumentBuf]) -> Result<(), StoreError> {
    let (_, failures) = bulk::insert_identified(coll, documents, INSERTING).await?;
    let failure = failures
        .into_iter()
        .find(|failure| failure.code != DUPLICATE_KEY);
    failure.map_or(Ok(()), |failure| Err(failure.into_error(INSERTING)))
}

async fn update(
    coll: &Documents,
    updates: &[Update],
    doing: &'static str,
) -> Result<(), StoreError> {
    bulk::update(coll, updates, doing).await?.whole(doing)?;
    Ok(())
}

/// Makes the update that stores a document under an `_id`.
pub(super) fn put(id: Bson, set: Document) -> Update {
    Update {
        filter: doc! {"_id": id},
        update: doc! {"$set": set}.into(),
        upsert: true,
    }
}
