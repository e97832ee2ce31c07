//! Opens the seals of a batch, and finds the records in what they hold.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{PoisonError, RwLock};

use cybexp_seal::PrivateKey;
use cybexp_store::{Entry, EntryId, SealedEntry};
use tahoe_core::many::split;
use tahoe_core::submission::memory_bound;

/// An entry whose seal is open.
#[derive(Debug)]
pub(crate) struct OpenedEntry {
    pub(crate) id: EntryId,
    /// The entry and its records; or the reason why it cannot be opened.
    pub(crate) content: Result<Content, String>,
}

/// The records of an entry.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) entry: Entry,
    /// The opened file. A single record takes it away, so that it is not in memory twice.
    bytes: RwLock<Vec<u8>>,
    /// The places of the records that are to be read, with their numbers. Numbers begin with 1.
    places: Vec<(u32, Range<usize>)>,
}

impl OpenedEntry {
    /// Opens an entry. What cannot be opened comes with the reason.
    pub(crate) fn open(key: &PrivateKey, sealed: SealedEntry) -> Self {
        let id = sealed.id;
        // a submission that makes a library panic must not stop the others
        let content = catch_unwind(AssertUnwindSafe(|| {
            let (entry, bytes) = sealed.read?;
            let opened = key.open(&bytes).map_err(|error| format!("seal: {error}"))?;
            drop(bytes);
            Content::new(entry, opened)
        }));
        Self {
            id,
            content: content
                .unwrap_or_else(|_| Err("opening it panicked: please report this".to_owned())),
        }
    }
}

impl Content {
    fn new(entry: Entry, bytes: Vec<u8>) -> Result<Self, String> {
        let all = 0..bytes.len();
        let places = match entry.records {
            None => vec![(1, all)],
            Some(records) => {
                let places = split(&bytes).map_err(|error| format!("records: {error}"))?;
                if places.len() != records as usize {
                    let have = places.len();
                    return Err(format!("records: there are {have}, and not {records}"));
                }
                let wanted = |n: &u32| match &entry.again {
                    Some(again) => again.contains(n),
                    None => true,
                };
                (1..).zip(places).filter(|(n, _)| wanted(n)).collect()
            }
        };
        Ok(Self {
            entry,
            bytes: bytes.into(),
            places,
        })
    }

    /// Returns the number of records that are to be read.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns the number of a record, by its position among those that are to be read.
    pub(crate) fn number(&self, index: usize) -> Option<u32> {
        self.places.get(index).map(|(n, _)| *n)
    }

    /// Returns the memory that a record takes at most, in bytes. It must not have been taken.
    pub(crate) fn memory(&self, index: usize) -> Option<u64> {
        let (_, place) = self.places.get(index)?;
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        bytes.get(place.clone()).map(memory_bound)
    }

    /// Takes the bytes of a record, each once.
    pub(crate) fn take(&self, index: usize) -> Option<Vec<u8>> {
        let (_, place) = self.places.get(index)?;
        if self.entry.records.is_none() {
            let mut bytes = self.bytes.write().unwrap_or_else(PoisonError::into_inner);
            return Some(std::mem::take(&mut bytes));
        }
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        bytes.get(place.clone()).map(<[u8]>::to_vec)
    }
}
