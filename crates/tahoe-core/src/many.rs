//! Many records in one submission, as they are sealed: a magic number, then the length and the bytes of each record.

use std::ops::Range;

/// The bytes at the beginning: `CYBEXP`, and the version of the form.
const MAGIC: [u8; 8] = *b"CYBEXP\x00\x01";
/// The bytes before each record: its length, little-endian.
const LENGTH_BYTES: usize = 4;

/// The most records of a submission.
pub const MAX_RECORDS: usize = 65_536;

/// The reason why bytes are not the records that they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The magic number is missing.
    #[error("it does not begin as many records do")]
    Magic,
    /// A record ends after the end of the bytes.
    #[error("record {0} is cut off")]
    CutOff(usize),
    /// There are more records than a submission may have.
    #[error("it holds more than {MAX_RECORDS} records")]
    TooMany,
}

/// Records that are put together, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedRecords {
    bytes: Vec<u8>,
    /// The position of each record's length.
    starts: Vec<usize>,
}

impl Default for JoinedRecords {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl JoinedRecords {
    /// Makes an empty collection with room for records of this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut all = Vec::with_capacity(MAGIC.len() + LENGTH_BYTES + bytes);
        all.extend(MAGIC);
        Self {
            bytes: all,
            starts: Vec::new(),
        }
    }

    /// Begins a record, which is empty.
    pub fn begin(&mut self) {
        self.starts.push(self.bytes.len());
        self.bytes.extend([0; LENGTH_BYTES]);
    }

    /// Adds bytes to the record that was begun last.
    ///
    /// # Panics
    /// If no record was begun, or if it has more than 4 GiB.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let start = *self.starts.last().expect("a record was begun");
        let length = self.bytes.len() - start - LENGTH_BYTES;
        let length = u32::try_from(length).expect("a record has less than 4 GiB");
        self.bytes[start..][..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Returns true if there is no record.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Returns a record by its position, beginning with 0.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let start = self.starts.get(index)? + LENGTH_BYTES;
        let end = self.starts.get(index + 1).copied();
        self.bytes.get(start..end.unwrap_or(self.bytes.len()))
    }

    /// Returns the records in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Returns the bytes to be sealed: those of the record if there is one, else all records with their lengths.
    pub fn into_bytes(mut self) -> Vec<u8> {
        if self.len() == 1 {
            self.bytes.drain(..MAGIC.len() + LENGTH_BYTES);
        }
        self.bytes
    }
}

/// Returns the places of the records in bytes that [`JoinedRecords::into_bytes`] made of several records.
///
/// # Errors
/// If the bytes do not have this form.
///
/// ```
/// use tahoe_core::many::{JoinedRecords, split};
///
/// let mut joined = JoinedRecords::default();
/// for record in ["one", "two"] {
///     joined.begin();
///     joined.extend(record.as_bytes());
/// }
/// let bytes = joined.into_bytes();
/// let records: Vec<_> = split(&bytes)?.into_iter().map(|place| &bytes[place]).collect();
/// assert_eq!(records, [b"one", b"two"]);
/// # Ok::<(), tahoe_core::many::SplitError>(())
/// ```
pub fn split(bytes: &[u8]) -> Result<Vec<Range<usize>>, SplitError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(SplitError::Magic);
    }
    let mut records = Vec::new();
    let mut at = MAGIC.len();
    while at < bytes.len() {
        if records.len() == MAX_RECORDS {
            return Err(SplitError::TooMany);
        }
        let cut_off = SplitError::CutOff(records.len() + 1);
        let length = bytes[at..].first_chunk::<LENGTH_BYTES>().ok_or(cut_off)?;
        let start = at + LENGTH_BYTES;
        let end = start + u32::from_le_bytes(*length) as usize;
        if end > bytes.len() {
            return Err(cut_off);
        }
        records.push(start..end);
        at = end;
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(records: &[&[u8]]) -> JoinedRecords {
        let mut joined = JoinedRecords::default();
        for record in records {
            joined.begin();
            // as it comes over the network
            record.chunks(3).for_each(|piece| joined.extend(piece));
        }
        joined
    }

    #[test]
    fn records_come_out_as_they_went_in() {
        let magic = joined(&[b"a", b"b"]).into_bytes();
        let records: [&[u8]; 5] = [b"one", b"", &magic, b"\x00\xff", b""];
        let joined = joined(&records);
        assert_eq!(joined.len(), 5);
        for (n, record) in records.iter().enumerate() {
            assert_eq!(joined.get(n), Some(*record));
        }
        assert_eq!(joined.get(5), None);
        let bytes = joined.into_bytes();
        let places = split(&bytes).unwrap();
        let found: Vec<&[u8]> = places.into_iter().map(|place| &bytes[place]).collect();
        assert_eq!(found, records);
    }

    #[test]
    fn a_record_alone_is_its_bytes() {
        for record in [&b"{\"a\": 1}"[..], b"", &joined(&[b"x", b"y"]).into_bytes()] {
            assert_eq!(joined(&[record]).into_bytes(), record);
        }
    }

    #[test]
    fn what_is_cut_off_or_foreign_is_told() {
        let whole = joined(&[b"one", b"two"]).into_bytes();
        for end in MAGIC.len() + 1..whole.len() {
            match split(&whole[..end]) {
                Err(SplitError::CutOff(_)) => {}
                // nothing is missing where a record ends
                Ok(records) => assert_eq!((records.len(), end), (1, MAGIC.len() + 7)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(split(b"{}"), Err(SplitError::Magic));
        let many = [MAGIC.to_vec(), vec![0; 4 * (MAX_RECORDS + 1)]].concat();
        assert_eq!(split(&many), Err(SplitError::TooMany));
        assert_eq!(split(&many[4..].repeat(0)), Err(SplitError::Magic));
    }
}
