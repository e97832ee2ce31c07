//! Positions in files, and the identity of a file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes at the head of a file, and before a position in it, that are hashed to tell whether it is the same file.
pub(super) const PRINT: usize = 256;

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileId {
    dev: u64,
    ino: u64,
}

impl FileId {
    pub(super) const NONE: Self = Self { dev: 0, ino: 0 };

    pub(super) fn of(about: &Metadata) -> Self {
        Self {
            dev: about.dev(),
            ino: about.ino(),
        }
    }
}

/// A position in a file, and the prints by which the file is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FilePosition {
    pub(super) id: FileId,
    /// In bytes.
    pub(super) offset: u64,
    /// Hash of up to 256 bytes at the head of the file and as many before `offset`.
    pub(super) print: u64,
    /// The time of the last write, in Unix nanoseconds: a file that was rotated later is newer.
    pub(super) mtime_ns: i64,
}

impl FilePosition {
    /// Nowhere yet: no file was there at this time.
    pub(super) fn nowhere(mtime_ns: i64) -> Self {
        Self {
            id: FileId::NONE,
            offset: 0,
            print: print(&[], &[]),
            mtime_ns,
        }
    }
}

/// Returns the print of a head and a tail.
pub(super) fn print(head: &[u8], tail: &[u8]) -> u64 {
    let mut hash = Sha256::new();
    hash.update((head.len() as u64).to_be_bytes());
    hash.update(head);
    hash.update(tail);
    let mut print = [0; 8];
    print.copy_from_slice(&hash.finalize()[..8]);
    u64::from_be_bytes(print)
}

/// Last modification, in Unix nanoseconds.
pub(super) fn mtime_ns(about: &Metadata) -> i64 {
    let seconds = about.mtime().saturating_mul(1_000_000_000);
    seconds.saturating_add(about.mtime_nsec())
}
