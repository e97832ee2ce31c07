//! Records that a source delivers, with its cursor and its marks.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The data of one submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The bytes that are posted, unchanged.
    pub data: Bytes,
    /// Its name in the API's list of submissions; `None` stands for the input's name.
    pub name: Option<String>,
}

impl<T: Into<Bytes>> From<T> for Record {
    fn from(data: T) -> Self {
        Self {
            data: data.into(),
            name: None,
        }
    }
}

/// A record on its way to the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its place in the order in which records were taken.
    pub id: i64,
    /// Its name, as in [`Record`].
    pub name: Option<String>,
    /// The data.
    pub data: Bytes,
}

/// Names something that a source has delivered: enough of a SHA-256 that no two are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ItemKey(pub [u8; 16]);

impl ItemKey {
    /// The key of these bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        let hash = Sha256::digest(bytes.as_ref());
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        Self(key)
    }
}

/// Formats the key as 32 hex digits, as it stands in cursors.
impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Records, and the cursor and marks to remember when they are taken: all of it is put on disk in one step, or none of it.
#[derive(Debug, Clone, Default)]
pub struct RecordBatch {
    /// In the order in which they are to be posted.
    pub records: Vec<Record>,
    /// The position up to which the source is taken with these records; `None` leaves it where it was.
    pub cursor: Option<Value>,
    /// Things that the source has delivered, each with a number of the source's own choosing: a time, a round.
    pub marks: Vec<(ItemKey, i64)>,
    /// Things with a smaller number than this are forgotten.
    pub forget_below: Option<i64>,
    bytes: u64,
}

/// Records with which a batch is full …
const FULL_RECORDS: usize = 1000;
/// … or bytes of records.
const FULL_BYTES: u64 = 4 << 20;

impl RecordBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record.
    pub fn push(&mut self, record: impl Into<Record>) {
        let record = record.into();
        self.bytes += record.data.len() as u64;
        self.records.push(record);
    }

    /// Whether it is time to take it: it is as large as is good for speed, and as memory should hold.
    pub fn is_full(&self) -> bool {
        self.records.len() >= FULL_RECORDS || self.bytes >= FULL_BYTES
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.cursor.is_none()
            && self.marks.is_empty()
            && self.forget_below.is_none()
    }

    /// The bytes of the records.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
