//! What a source delivers.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// One submission to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What is posted, as it is.
    pub data: Bytes,
    /// What it is called in the API's list of submissions; the input's own name where there is none.
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
    /// What it is called.
    pub name: Option<String>,
    /// The data.
    pub data: Bytes,
}

/// Names something that a source has delivered: enough of a SHA-256 that no two are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(pub [u8; 16]);

impl Key {
    /// The key of these bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        let hash = Sha256::digest(bytes.as_ref());
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        Self(key)
    }
}

/// As it may stand in a cursor: in hex.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Records, and what is to be remembered when they are taken: all of it is put on disk in one step, or none of it.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// In the order in which they are to be posted.
    pub records: Vec<Record>,
    /// Up to where the source is taken with these records; `None` leaves it where it was.
    pub cursor: Option<Value>,
    /// Things that the source has delivered, each with a number of the source's own choosing: a time, a round.
    pub marks: Vec<(Key, i64)>,
    /// Things with a smaller number than this are forgotten.
    pub forget_below: Option<i64>,
    bytes: u64,
}

/// A batch is full with so many records …
const FULL_RECORDS: usize = 1000;
/// … or so many bytes.
const FULL_BYTES: u64 = 4 << 20;

impl Batch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more record.
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
