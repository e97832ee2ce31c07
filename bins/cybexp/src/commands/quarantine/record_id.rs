//! The id of a quarantined record, as a person gives it.

use std::fmt;
use std::str::FromStr;

use cybexp_store::EntryRecordId;

/// The least number of bytes of a raw's hash.
const LEAST: usize = 4;
/// The number of digits of an entry's id.
const ENTRY: usize = 24;

/// An entry, or the raws whose hash begins with some bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RecordId {
    /// The id of an entry of the cache, 24 hexadecimal digits; of a record of an entry that has many, a colon and its
    /// number follow.
    Entry(EntryRecordId),
    /// The beginning of the hash of a raw: 8 hexadecimal digits or more, but not 24.
    Raw(Vec<u8>),
}

impl FromStr for RecordId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() == ENTRY || text.contains(':') {
            let entry: Result<EntryRecordId, _> = text.parse();
            return entry.map(Self::Entry).map_err(|error| error.to_string());
        }
        let bytes = hex::decode(text).unwrap_or_default();
        match bytes.len() {
            LEAST..=32 => Ok(Self::Raw(bytes)),
            _ => Err("an id has an even number of hexadecimal digits, 8 to 64".to_owned()),
        }
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(id) => id.fmt(f),
            Self::Raw(bytes) => f.write_str(&hex::encode(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_entries_and_raws_differ_in_length() {
        let parse = |text: &str| text.parse::<RecordId>();
        assert!(matches!(parse(&"ab".repeat(12)), Ok(RecordId::Entry(_))));
        assert!(matches!(parse(&"ab".repeat(32)), Ok(RecordId::Raw(_))));
        assert!(matches!(parse("0123abcd"), Ok(RecordId::Raw(_))));
        let record = parse(&format!("{}:7", "ab".repeat(12)));
        assert!(matches!(
            record,
            Ok(RecordId::Entry(EntryRecordId { n: Some(7), .. }))
        ));
        for wrong in [
            "",
            "abc",
            "0123ab",
            "xyz12345",
            "0123abcd:1",
            &"ab".repeat(33),
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
