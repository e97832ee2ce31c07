//! Ids of quarantined records.

use std::fmt;
use std::str::FromStr;

use bson::oid::ObjectId;

/// The id of a quarantined record: that of an entry or a raw, or `<entry>:<n>` for a record of an entry that has many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryRecordId {
    /// MongoDB's id of the entry or raw.
    pub id: ObjectId,
    /// The number of the record within its entry, beginning with 1.
    pub n: Option<u32>,
}

/// A text that is no id of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has 24 hex digits, and for a record among many a colon and its number after them")]
pub struct InvalidRecordId;

impl From<ObjectId> for EntryRecordId {
    fn from(id: ObjectId) -> Self {
        Self { id, n: None }
    }
}

impl fmt::Display for EntryRecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.n {
            None => write!(f, "{}", self.id),
            Some(n) => write!(f, "{}:{n}", self.id),
        }
    }
}

impl FromStr for EntryRecordId {
    type Err = InvalidRecordId;

    fn from_str(text: &str) -> Result<Self, InvalidRecordId> {
        let (id, n) = match text.split_once(':') {
            None => (text, None),
            Some((id, n)) => (id, Some(n.parse().map_err(|_| InvalidRecordId)?)),
        };
        let id = ObjectId::parse_str(id).map_err(|_| InvalidRecordId)?;
        Ok(Self { id, n })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        for text in ["5f0c1d2e3a4b5c6d7e8f9012", "5f0c1d2e3a4b5c6d7e8f9012:65536"] {
            assert_eq!(text.parse::<EntryRecordId>().unwrap().to_string(), text);
        }
        for text in [
            "",
            ":1",
            "5f0c",
            "5f0c1d2e3a4b5c6d7e8f9012:",
            "5f0c1d2e3a4b5c6d7e8f9012:-1",
        ] {
            assert_eq!(
                text.parse::<EntryRecordId>(),
                Err(InvalidRecordId),
                "{text}"
            );
        }
    }
}
