//! UUIDs that follow from a name, so that the same thing has the same id always.

use std::fmt;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// A UUID (RFC 9562).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// The namespace of STIX 2.1 for the ids of cyber observables (section 2.9 of the specification).
    pub const STIX: Self = Self([
        0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9,
        0xb7,
    ]);

    /// Returns the UUID of version 5: the SHA-1 of a namespace and a name.
    pub fn of_name(namespace: Self, name: &[u8]) -> Self {
        let mut sha = Sha1::new();
        sha.update(namespace.0);
        sha.update(name);
        Self::versioned(&sha.finalize(), 5)
    }

    /// Returns a UUID in the form of version 4, whose bits are not random but the SHA-256 of these parts.
    ///
    /// STIX wants version 4 for all but observables, and OASIS's validator warns of any other; MISP wants version 4, too.
    pub fn random_like(parts: &[&str]) -> Self {
        let mut sha = Sha256::new();
        sha.update(b"cybexp-share");
        for part in parts {
            // the length in front keeps ("ab", "c") and ("a", "bc") apart
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part.as_bytes());
        }
        Self::versioned(&sha.finalize(), 4)
    }

    /// Reads a UUID as it is written: in lower case, with its hyphens.
    pub fn read(text: &str) -> Option<Self> {
        let digits: String = text.split('-').collect();
        let mut bytes = [0; 16];
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits.get(2 * n..2 * n + 2)?, 16).ok()?;
        }
        // what is written in another way is no id of ours
        let read = Self(bytes);
        (read.to_string() == text).then_some(read)
    }

    /// Returns the UUID of a version whose other bits are this one's where those of `mask` are 0, and turned where they are
    /// 1. The same mask and the first version lead back.
    pub(crate) fn masked(self, mask: Self, version: u8) -> Self {
        let mut bytes = self.0;
        for (byte, mask) in bytes.iter_mut().zip(mask.0) {
            *byte ^= mask;
        }
        Self::versioned(&bytes, version)
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> [u8; 16] {
        self.0
    }

    fn versioned(digest: &[u8], version: u8) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes[6] = bytes[6] & 0x0f | version << 4;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, byte) in self.0.iter().enumerate() {
            if matches!(n, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_the_ids_of_the_specification() {
        // the example of RFC 9562, appendix A.4
        let dns = Uuid([
            0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4,
            0x30, 0xc8,
        ]);
        let id = Uuid::of_name(dns, b"www.example.com").to_string();
        assert_eq!(id, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }

    #[test]
    fn parts_are_kept_apart() {
        let id = Uuid::random_like(&["ab", "c"]);
        assert_eq!(id, Uuid::random_like(&["ab", "c"]));
        assert_ne!(id, Uuid::random_like(&["a", "bc"]));
        assert_eq!(&id.to_string()[14..15], "4");
    }

    #[test]
    fn ids_are_read_only_as_they_are_written() {
        let id = Uuid::random_like(&["x"]);
        assert_eq!(Uuid::read(&id.to_string()), Some(id));
        let id = id.to_string();
        for none in [
            "",
            "x",
            "é",
            &id.to_uppercase(),
            &id.replace('-', ""),
            &id[..35],
            &format!("{id}0"),
        ] {
            assert_eq!(Uuid::read(none), None, "{none}");
        }
    }

    #[test]
    fn a_mask_leads_back() {
        let mask = Uuid::random_like(&["mask"]);
        for (version, name) in (0..100).map(|n: u8| (4 + n % 2, n.to_string())) {
            let made = Uuid::versioned(&Sha256::digest(&name), version);
            let masked = made.masked(mask, 4);
            assert_eq!(&masked.to_string()[14..15], "4");
            assert_ne!(masked, made);
            assert_eq!(masked.masked(mask, version), made);
        }
    }
}
