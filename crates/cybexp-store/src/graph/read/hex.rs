//! Hashes in the form in which documents hold them.

use tahoe_core::Hash;

/// Returns hashes as they stand in documents.
pub(crate) fn hex(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_string).collect()
}
