//! What is known of a submission.

use bson::oid::ObjectId;
use serde::Deserialize;

/// What is known of a submission when it comes in.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// File name, as it was sent.
    pub name: String,
    /// What the data is; the raw's sub_type.
    pub typetag: String,
    /// Whose it is.
    pub orgid: String,
    /// IANA name.
    pub timezone: String,
    /// Unix seconds when it was taken in.
    pub timestamp: f64,
}

/// A submission to be stored: what the API makes of a request.
#[derive(Debug, Clone)]
pub struct Submission {
    /// What is known of it.
    pub entry: NewEntry,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
}

/// What MongoDB knows an entry by.
pub type EntryId = ObjectId;

/// What is known of a submission.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// What the data is.
    pub typetag: String,
    /// Whose it is.
    pub orgid: String,
    /// IANA name.
    pub timezone: String,
    /// Unix seconds when it was taken in.
    pub timestamp: f64,
    pub(super) fid: ObjectId,
}
