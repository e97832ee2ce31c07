//! The fate of a submission, as far as the cache knows it.

use bson::{Binary, doc};
use serde::Deserialize;

use crate::cache::entry::{BadRecord, EntryId, raws_of};
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;

/// An entry, with the result of the archive daemon.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "FateRow")]
pub struct Fate {
    /// The file name, as it was sent.
    pub name: String,
    /// The type of the data.
    pub typetag: String,
    /// The organisation that owns the data.
    pub orgid: String,
    /// The time at which the submission was accepted, in Unix seconds.
    pub timestamp: f64,
    /// Whether the archive daemon has processed the entry.
    pub processed: bool,
    /// The reason why the whole entry was set aside; `None` if it was not.
    pub error: Option<String>,
    /// The number of records, if the submission has many.
    pub records: Option<u32>,
    /// The hash of the raw of each record; `None` for a record of which there is none.
    pub raws: Vec<Option<String>>,
    /// The records that were set aside.
    pub bad: Vec<BadRecord>,
}

/// The fields of an entry that tell its fate.
#[derive(Deserialize)]
struct FateRow {
    #[serde(default)]
    name: String,
    typetag: String,
    orgid: String,
    timestamp: f64,
    #[serde(default)]
    processed: bool,
    #[serde(default)]
    bad_data: bool,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    records: Option<u32>,
    #[serde(default, rename = "_ref")]
    refs: Vec<String>,
    #[serde(default)]
    raws: Option<Binary>,
    #[serde(default)]
    bad: Vec<BadRecord>,
}

impl From<FateRow> for Fate {
    fn from(row: FateRow) -> Self {
        let whole = row.bad_data && row.bad.is_empty();
        Self {
            name: row.name,
            typetag: row.typetag,
            orgid: row.orgid,
            timestamp: row.timestamp,
            processed: row.processed,
            error: whole.then(|| row.error.unwrap_or_default()),
            records: row.records,
            raws: match row.raws {
                Some(raws) => raws_of(&raws.bytes),
                None => row.refs.into_iter().map(Some).collect(),
            },
            bad: row.bad,
        }
    }
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
