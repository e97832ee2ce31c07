//! Inputs, as the spool knows them.

use serde_json::Value;

/// An input, as the spool knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InputId(pub(crate) i64);

/// What is kept of an input from one run to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Its id.
    pub id: InputId,
    /// Its name.
    pub name: String,
    /// Its plugin.
    pub plugin: String,
    /// What its records are posted as.
    pub about: About,
    /// Up to where its source is taken.
    pub cursor: Option<Value>,
    /// It must not be fetched before this time, in Unix seconds.
    pub not_before: f64,
    /// Numbers since its first run.
    pub counts: Counts,
    /// Records that are not posted yet, those set aside among them.
    pub spooled: u64,
    /// Records that the API has refused and that are set aside.
    pub refused: u64,
}

/// What is said of each record of an input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// What it is, such as `cowrie`.
    pub typetag: String,
    /// The organisation's hash.
    pub orgid: String,
    /// The IANA zone of times in the data that name none.
    pub timezone: String,
}

/// What became of records, since an input's first run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// On disk.
    pub taken: u64,
    /// At the API.
    pub posted: u64,
    /// Lost: they came in while there was no room, from a source that cannot wait.
    pub dropped: u64,
}
