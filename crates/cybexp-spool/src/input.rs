//! Inputs, as the spool knows them.

use serde_json::Value;
use tahoe_core::SubmissionTags;

/// An input, as the spool knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InputId(pub(crate) i64);

/// An input's data that the spool keeps from one run to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownInput {
    /// Its id.
    pub id: InputId,
    /// Its name.
    pub name: String,
    /// Its plugin.
    pub plugin: String,
    /// The tags that its records are posted with.
    pub tags: SubmissionTags,
    /// The position up to which its source is taken.
    pub cursor: Option<Value>,
    /// It must not be fetched before this time, in Unix seconds.
    pub not_before: f64,
    /// Numbers since its first run.
    pub counts: InputCounts,
    /// Records that are not posted yet, those set aside among them.
    pub spooled: u64,
    /// Records that the API has refused and that are set aside.
    pub refused: u64,
}

/// Numbers of records since an input's first run, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InputCounts {
    /// Records that were put on disk.
    pub taken: u64,
    /// Records that the API has.
    pub posted: u64,
    /// Records that were lost: they came while there was no room, from a source that cannot wait.
    pub dropped: u64,
}
