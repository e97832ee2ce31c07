//! The fate of a submission, as far as the cache knows it.

use bson::doc;
use serde::Deserialize;

use crate::cache::entry::EntryId;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;

/// An entry, with the result of the archive daemon.
#[derive(Debug, Clone, Deserialize)]
pub struct Fate {
    /// The file name, as it was sent.
    #[serde(default)]
    pub name: String,
    /// The type of the data.
    pub typetag: String,
    /// The organisation that owns the data.
    pub orgid: String,
    /// The time at which the submission was accepted, in Unix seconds.
    pub timestamp: f64,
    /// Whether the archive daemon has processed the entry.
    #[serde(default)]
    pub processed: bool,
    /// Whether the entry was set aside.
    #[serde(default, rename = "bad_data")]
    pub bad: bool,
    /// The reason why the entry was set aside.
    #[serde(default)]
    pub error: Option<String>,
    /// Hashes of the raws that were made of the entry.
    #[serde(default, rename = "_ref")]
    pub raws: Vec<String>,
}

impl Cache {
    /// Returns the fate of the entry with this id; `None` if there is no such entry.
    pub async fn fate(&self, id: &str) -> Result<Option<Fate>, StoreError> {
        let Ok(id) = EntryId::parse_str(id) else {
            return Ok(None);
        };
        Ok(fate(id).read(&self.entries).await?.pop())
    }
}

pub(crate) fn fate(id: EntryId) -> Find {
    Find::new("looking for a submission", ID, doc! {"_id": id})
        .project(doc! {"_id": 0})
        .limit(1)
}
