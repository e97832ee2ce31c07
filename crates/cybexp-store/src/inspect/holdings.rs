//! Counts of an organisation's records, for a person who is about to delete the organisation.

use bson::doc;

use crate::archive::open::Archive;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::find::{Find, MAX_TIME};
use crate::mongo::indexes::ENTRY_PROCESSED;

/// The most records of a kind that are counted.
const COUNTED: u64 = 1_000_000;

/// Numbers of an organisation's records by kind. A million means a million or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Raws in the archive.
    pub raws: u64,
    /// Events in the archive.
    pub events: u64,
}

impl Archive {
    /// Counts the records of this organisation, up to a million of each kind. It reads the whole archive, for a minute
    /// at most, so no daemon uses it.
    pub async fn holdings(&self, orgid: &str) -> Result<Holdings, StoreError> {
        let count = async |itype: &str| {
            let counting = self.coll.named("counting what an organisation has");
            let count = counting.count_documents(doc! {"orgid": orgid, "itype": itype});
            let count = count.with(|count| count.limit(COUNTED).max_time(MAX_TIME));
            count.send().await
        };
        Ok(Holdings {
            raws: count("raw").await?,
            events: count("event").await?,
        })
    }
}

impl Cache {
    /// Counts the submissions of this organisation that wait for the archive daemon.
    pub async fn count_pending_of(&self, orgid: &str) -> Result<u64, StoreError> {
        let filter = doc! {"processed": false, "orgid": orgid};
        Find::new("counting pending entries", ENTRY_PROCESSED, filter)
            .count(&self.entries)
            .await
    }
}
