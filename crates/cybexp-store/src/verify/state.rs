//! How far a verification is, what it found, and the form in which that is kept to go on later.

use std::collections::BTreeMap;

use bson::Bson;
use serde::{Deserialize, Serialize};

use crate::error::{Doing, StoreError};
use crate::verify::fault::{Fault, FaultKind, Finding};
use crate::verify::names::Names;

/// How far a verification is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyProgress {
    /// The documents that are being read.
    pub doing: &'static str,
    /// The number of documents that were read, of all stages.
    pub read: u64,
    /// The approximate number of all documents.
    pub total: u64,
    /// The number of faults so far.
    pub faults: u64,
}

/// The result of a verification.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// The number of documents that were read, by stage.
    pub read: BTreeMap<String, u64>,
    /// The number of faults of each kind that was found.
    pub found: BTreeMap<FaultKind, u64>,
    /// The first faults of each kind.
    pub shown: Vec<Fault>,
    /// The number of faults of each kind that were repaired.
    pub repaired: BTreeMap<FaultKind, u64>,
    /// Numbers of what was met on the way that is no fault, such as raws that wait.
    pub told: BTreeMap<String, u64>,
}

impl VerifyReport {
    /// Whether nothing is wrong. Faults that only take room, and those that were repaired, count as none.
    pub fn is_right(&self) -> bool {
        self.wrong() == 0
    }

    /// Returns the number of faults that are left, but those that only take room.
    pub fn wrong(&self) -> u64 {
        let counts = self.found.iter().filter(|(kind, _)| !kind.is_harmless());
        counts
            .map(|(kind, count)| {
                count.saturating_sub(self.repaired.get(kind).copied().unwrap_or(0))
            })
            .sum()
    }

    /// Returns the number of all documents that were read.
    pub fn documents(&self) -> u64 {
        self.read.values().sum()
    }

    pub(super) fn tell(&mut self, what: &str, count: u64) {
        if count > 0 {
            *self.told.entry(what.to_owned()).or_default() += count;
        }
    }
}

/// All that a verification needs to go on where it was.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct VerifyState {
    /// The number of the stage.
    pub stage: usize,
    /// The id up to which the stage was checked.
    pub place: Option<Bson>,
    pub report: VerifyReport,
    /// Suspects that are to be looked at again.
    pub suspects: Vec<Finding>,
    pub names: Names,
}

impl VerifyState {
    pub(super) fn new(documents: u64) -> Self {
        Self {
            stage: 0,
            place: None,
            report: VerifyReport::default(),
            suspects: Vec::new(),
            names: Names::of(documents),
        }
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, StoreError> {
        bson::serialize_to_vec(self).doing("writing the state of a verification")
    }

    pub(super) fn of_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        bson::deserialize_from_slice(bytes).doing("reading the state of a verification")
    }
}
