//! The hashes that events and sessions name, in a filter of fixed size that sometimes takes a hash for one of them.

use serde::{Deserialize, Serialize};
use tahoe_core::Hash;

/// Bits for each document of the archive. With these, one of 1,000 hashes that are not named is taken for a named one.
const BITS: u64 = 16;
/// Bounds of the size, in bits: 1 MiB and 64 MiB.
const LEAST: u64 = 1 << 23;
const MOST: u64 = 1 << 29;
/// Bits that are set for a hash.
const PROBES: u64 = 7;

/// A Bloom filter of hashes, which are as random as it needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Names {
    #[serde(with = "serde_bits")]
    bits: Vec<u64>,
}

impl Names {
    /// Makes an empty filter for an archive of this many documents.
    pub(super) fn of(documents: u64) -> Self {
        let bits = documents.saturating_mul(BITS).clamp(LEAST, MOST);
        Self {
            bits: vec![0; (bits.next_power_of_two() / 64) as usize],
        }
    }

    pub(super) fn add(&mut self, hash: Hash) {
        for place in places(hash, self.bits.len()) {
            self.bits[place / 64] |= 1 << (place % 64);
        }
    }

    /// Whether the hash may have been added. False is certain.
    pub(super) fn may_hold(&self, hash: Hash) -> bool {
        places(hash, self.bits.len()).all(|place| self.bits[place / 64] & 1 << (place % 64) != 0)
    }
}

fn places(hash: Hash, words: usize) -> impl Iterator<Item = usize> {
    let part = |from: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hash.as_bytes()[from..from + 8]);
        u64::from_be_bytes(bytes)
    };
    let (first, step) = (part(0), part(8) | 1);
    let mask = words as u64 * 64 - 1;
    (0..PROBES).map(move |n| (first.wrapping_add(step.wrapping_mul(n)) & mask) as usize)
}

/// Writes the bits as one binary.
mod serde_bits {
    use bson::spec::BinarySubtype;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(bits: &[u64], to: S) -> Result<S::Ok, S::Error> {
        let bytes = bits.iter().flat_map(|word| word.to_le_bytes()).collect();
        let subtype = BinarySubtype::Generic;
        bson::Binary { subtype, bytes }.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u64>, D::Error> {
        let binary = bson::Binary::deserialize(from)?;
        let (words, _) = binary.bytes.as_chunks::<8>();
        let bits: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        match bits.len().is_power_of_two() {
            true => Ok(bits),
            false => Err(serde::de::Error::custom("not a filter of names")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_forgotten_and_few_are_made_up() {
        let hash = |n: u32| Hash::of(&[&n.to_string()]);
        let mut names = Names::of(1 << 19);
        (0..500_000).for_each(|n| names.add(hash(n)));
        assert!((0..500_000).all(|n| names.may_hold(hash(n))));
        let made_up = (500_000..600_000).filter(|n| names.may_hold(hash(*n)));
        assert!(made_up.count() < 200);
        let bytes = bson::serialize_to_vec(&names).unwrap();
        let read: Names = bson::deserialize_from_slice(&bytes).unwrap();
        assert_eq!(read.bits, names.bits);
    }
}
