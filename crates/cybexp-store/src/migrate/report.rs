//! The counts of a migration, and the documents that it found to be wrong.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The most findings of one sort that are listed.
const LISTED: usize = 20;
/// The longest reason of a finding, in characters.
const REASON: usize = 300;

/// The outcome of a migration so far.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationReport {
    /// Counts by `itype`; documents of no known one are `other`.
    pub kinds: BTreeMap<String, MigratedKind>,
    /// Attributes and objects that had no document of their own, and were made again from what refers to them.
    pub restored: u64,
    /// Raws that wait for their filters.
    pub waiting: u64,
    /// The first documents that were not taken over.
    pub broken: Vec<MigrationFinding>,
    /// The first documents that refer to what does not exist.
    pub dangling: Vec<MigrationFinding>,
}

/// Counts of the documents of one kind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigratedKind {
    /// Documents that were read.
    pub read: u64,
    /// Documents that were taken over.
    pub taken: u64,
    /// Documents of an identity that was taken over before.
    pub duplicates: u64,
    /// Documents that were left behind because something is wrong with them.
    pub broken: u64,
    /// References to what does not exist.
    pub dangling: u64,
}

/// A document with something wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationFinding {
    /// The document's `_id` in the old collection.
    pub id: String,
    /// The document's kind.
    pub itype: String,
    /// The problem.
    pub reason: String,
}

impl MigrationReport {
    /// Returns the number of documents that were read.
    pub fn read(&self) -> u64 {
        self.kinds.values().map(|kind| kind.read).sum()
    }

    pub(super) fn kind(&mut self, itype: &str) -> &mut MigratedKind {
        self.kinds.entry(itype.to_owned()).or_default()
    }

    pub(super) fn broken(&mut self, itype: &str, id: String, reason: &str) {
        self.kind(itype).broken += 1;
        list(&mut self.broken, itype, id, reason);
    }

    /// Counts references of a document to what does not exist.
    pub(super) fn dangling(&mut self, itype: &str, id: String, count: u64, reason: &str) {
        if count > 0 {
            self.kind(itype).dangling += count;
            list(&mut self.dangling, itype, id, reason);
        }
    }
}

fn list(findings: &mut Vec<MigrationFinding>, itype: &str, id: String, reason: &str) {
    if findings.len() < LISTED {
        findings.push(MigrationFinding {
            id,
            itype: itype.to_owned(),
            reason: reason.chars().take(REASON).collect(),
        });
    }
}
