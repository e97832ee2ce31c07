//! The description of a submission: who submitted it, as what, and when.

use bson::oid::ObjectId;
use bson::{Binary, Bson, doc};
use serde::Deserialize;
use tahoe_core::SubmissionTags;

/// The description of a submission that is about to be stored.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The file name, as it was sent.
    pub name: String,
    /// The tags that were sent with it.
    pub tags: SubmissionTags,
    /// The time at which the submission was accepted, in Unix seconds.
    pub timestamp: f64,
    /// The number of records, if the sealed bytes hold many (`tahoe_core::many`).
    pub records: Option<u32>,
}

/// A submission to be stored, made from a request to the API.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The description of the submission.
    pub entry: NewEntry,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
}

/// MongoDB's id of an entry.
pub type EntryId = ObjectId;

/// The fields of an [`Entry`].
pub(super) const ENTRY_FIELDS: [&str; 11] = [
    "typetag",
    "orgid",
    "timezone",
    "tlp",
    "timestamp",
    "records",
    "again",
    "raws",
    "bad",
    "killed",
    "fid",
];

/// The description of a stored submission.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// The type of the data.
    pub typetag: String,
    /// The organisation that owns the data.
    pub orgid: String,
    /// IANA name of the time zone.
    pub timezone: String,
    /// The label of the data, if it was sent with one.
    #[serde(default)]
    pub tlp: Option<String>,
    /// The time at which the submission was accepted, in Unix seconds.
    pub timestamp: f64,
    /// The number of records, if the sealed bytes hold many.
    #[serde(default)]
    pub records: Option<u32>,
    /// The records to be read again, numbered from 1; `None` for all.
    #[serde(default)]
    pub again: Option<Vec<u32>>,
    /// The hashes of the raws of many records, as [`raws_of`] reads them.
    #[serde(default)]
    pub(super) raws: Option<Binary>,
    #[serde(default)]
    pub(super) bad: Vec<BadRecord>,
    /// The number of times that an archive daemon died while it worked on the entry.
    #[serde(default)]
    pub(super) killed: u32,
    pub(super) fid: ObjectId,
}

/// A record of a submission that was set aside, while others of the submission may be stored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BadRecord {
    /// The number of the record, beginning with 1.
    pub n: u32,
    /// The reason.
    pub reason: String,
}

impl From<BadRecord> for Bson {
    fn from(bad: BadRecord) -> Self {
        doc! {"n": i64::from(bad.n), "reason": bad.reason}.into()
    }
}

/// The bytes of a hash.
pub(crate) const HASH_BYTES: usize = 32;

/// Returns the hashes of the raws of many records in hex, from the binary that an entry holds. Zeros stand for a record of
/// which there is no raw.
pub(crate) fn raws_of(raws: &[u8]) -> Vec<Option<String>> {
    let hex = |hash: &[u8; HASH_BYTES]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let (hashes, _) = raws.as_chunks::<HASH_BYTES>();
    let known = |hash: &[u8; HASH_BYTES]| hash.iter().any(|byte| *byte != 0);
    hashes
        .iter()
        .map(|hash| known(hash).then(|| hex(hash)))
        .collect()
}
