//! What became of a submission, as far as the cache knows.

use bson::doc;
use serde::Deserialize;

use crate::cache::entry::EntryId;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;

/// An entry, and what the archive daemon did with it.
#[derive(Debug, Clone, Deserialize)]
pub struct Fate {
    /// File name, as it was sent.
    #[serde(default)]
    pub name: String,
    /// What the data is.
    pub typetag: String,
    /// Whose it is.
    pub orgid: String,
    /// Unix seconds when it was taken in.
    pub timestamp: f64,
    /// Whether the archive daemon has looked at it.
    #[serde(default)]
    pub processed: bool,
    /// Whether it was set aside then.
    #[serde(default, rename = "bad_data")]
    pub bad: bool,
    /// Why.
    #[serde(default)]
    pub error: Option<String>,
    /// Hashes of the raws made of it.
    #[serde(default, rename = "_ref")]
    pub raws: Vec<String>,
}

impl Cache {
    /// What became of the entry of this id; nothing where there is none.
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
