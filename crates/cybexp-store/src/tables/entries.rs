//! Entries of a table in their compact form: values in the order of their ids, each with its numbers.
//!
//! | part | content |
//! |---|---|
//! | id | the first 16 bytes of the attribute's hash |
//! | number of counts | a varint |
//! | for each count | two varints: the kind of the events, and their number |
//!
//! The kind of events is the place of their sub_type in a list beside, times 12, plus the byte of context and category.

/// The first bytes of an attribute's hash, by which tables name it.
pub(crate) type ValueId = [u8; 16];

/// The numbers of a value's events by kind.
pub(crate) type Counts = Vec<(u32, u64)>;

/// Makes an entry.
pub(crate) fn entry(id: &ValueId, counts: &[(u32, u64)]) -> Vec<u8> {
    let mut text = id.to_vec();
    varint(&mut text, counts.len() as u64);
    for (kind, count) in counts {
        varint(&mut text, u64::from(*kind));
        varint(&mut text, *count);
    }
    text
}

pub(crate) fn varint(text: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        text.push(number as u8 | 0x80);
        number >>= 7;
    }
    text.push(number as u8);
}

/// Reads entries one after the other. A text that is cut off or malformed ends early.
#[derive(Debug, Clone)]
pub(crate) struct Entries<'a>(pub &'a [u8]);

impl Entries<'_> {
    /// Returns the next bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }

    /// Returns the next id, with the sum of the counts of which `wanted` is true.
    pub(crate) fn next_sum(&mut self, wanted: impl Fn(u32) -> bool) -> Option<(ValueId, u64)> {
        let id = self.bytes()?;
        let counts = self.number()?;
        let mut sum = 0_u64;
        for _ in 0..counts {
            let (kind, count) = (self.number()?, self.number()?);
            if u32::try_from(kind).is_ok_and(&wanted) {
                sum = sum.saturating_add(count);
            }
        }
        Some((id, sum))
    }

    /// Returns the next id with all its counts.
    #[cfg(feature = "inspect")]
    pub(crate) fn next_counts(&mut self) -> Option<(ValueId, Counts)> {
        let id = self.bytes()?;
        let counts = self.number()?;
        let mut all = Counts::new();
        for _ in 0..counts {
            let (kind, count) = (self.number()?, self.number()?);
            all.push((u32::try_from(kind).ok()?, count));
        }
        Some((id, all))
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_are_written() {
        let mut text = Vec::new();
        text.extend(entry(&[1; 16], &[(0, 1), (300, 70_000)]));
        text.extend(entry(&[2; 16], &[(12, u64::MAX)]));
        let mut entries = Entries(&text);
        assert_eq!(entries.next_sum(|_| true), Some(([1; 16], 70_001)));
        assert_eq!(entries.next_sum(|kind| kind == 0), Some(([2; 16], 0)));
        assert_eq!(entries.next_sum(|_| true), None);
        for end in 0..text.len() {
            let mut cut = Entries(&text[..end]);
            while cut.next_sum(|_| true).is_some() {}
        }
    }
}
