//! The description of a submission: who submitted it, as what, and when.

use bson::oid::ObjectId;
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
pub(super) const ENTRY_FIELDS: [&str; 5] = ["typetag", "orgid", "timezone", "timestamp", "fid"];

/// The description of a stored submission.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// The type of the data.
    pub typetag: String,
    /// The organisation that owns the data.
    pub orgid: String,
    /// IANA name of the time zone.
    pub timezone: String,
    /// The time at which the submission was accepted, in Unix seconds.
    pub timestamp: f64,
    pub(super) fid: ObjectId,
}
