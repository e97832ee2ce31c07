//! Faults: what can be wrong, and how it is told.

use bson::Bson;
use serde::{Deserialize, Serialize};

/// A kind of fault. Each kind is found by a check of its own, and has a test that plants one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An entry is none, or contradicts itself.
    Entry,
    /// An entry that waits has no sealed file.
    EntryFile,
    /// The raw of a processed entry is not in the archive.
    EntryRaw,
    /// A sealed file lacks chunks.
    File,
    /// No entry names a sealed file.
    FileAlone,
    /// Chunks belong to no file.
    ChunkAlone,
    /// A document of the archive is no instance.
    Form,
    /// The content has another hash than the document claims.
    Hash,
    /// The `_id` is not that of the content.
    Id,
    /// Lists of hashes do not agree with the data.
    List,
    /// An instance that is referred to does not exist.
    Reference,
    /// The elements by which an event is found do not agree with it.
    Keys,
    /// The session that an event names does not exist, or is another organisation's.
    EventSession,
    /// The raw that an event names does not exist.
    EventRaw,
    /// A derived event does not name what it was derived from.
    Source,
    /// No observed event holds what an event was derived from.
    SourceAlone,
    /// An organisation that has events or sessions is not registered.
    Org,
    /// A session contradicts itself.
    Session,
    /// The notes of filters on a raw contradict each other, or no filter will read the raw.
    RawState,
    /// Something that a filter makes of a raw, which it has read, is not there.
    RawMade,
    /// Nothing names an attribute or object, and no sweep knows of it.
    Alone,
    /// A node is marked as going, and no sweep knows of it.
    Going,
    /// A row of the sweep cannot be read.
    GoingRow,
    /// A value has no row, or one that begins too late.
    ValueLacks,
    /// A row of a value says what no event says.
    ValueRow,
    /// A row of a value begins before its first event, which was removed.
    ValueFirst,
    /// The tables of an hour do not agree with its events.
    Hour,
    /// A chunk of tables belongs to no hour.
    HourAlone,
    /// The notes of changed hours have a gap.
    Journal,
    /// A feed holds a value that its events do not give it.
    FeedValue,
    /// A row of values belongs to no feed.
    FeedAlone,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 31] = [
        Self::Entry,
        Self::EntryFile,
        Self::EntryRaw,
        Self::File,
        Self::FileAlone,
        Self::ChunkAlone,
        Self::Form,
        Self::Hash,
        Self::Id,
        Self::List,
        Self::Reference,
        Self::Keys,
        Self::EventSession,
        Self::EventRaw,
        Self::Source,
        Self::SourceAlone,
        Self::Org,
        Self::Session,
        Self::RawState,
        Self::RawMade,
        Self::Alone,
        Self::Going,
        Self::GoingRow,
        Self::ValueLacks,
        Self::ValueRow,
        Self::ValueFirst,
        Self::Hour,
        Self::HourAlone,
        Self::Journal,
        Self::FeedValue,
        Self::FeedAlone,
    ];

    /// Returns the name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::EntryFile => "entry_file",
            Self::EntryRaw => "entry_raw",
            Self::File => "file",
            Self::FileAlone => "file_alone",
            Self::ChunkAlone => "chunk_alone",
            Self::Form => "form",
            Self::Hash => "hash",
            Self::Id => "id",
            Self::List => "list",
            Self::Reference => "reference",
            Self::Keys => "keys",
            Self::EventSession => "event_session",
            Self::EventRaw => "event_raw",
            Self::Source => "source",
            Self::SourceAlone => "source_alone",
            Self::Org => "org",
            Self::Session => "session",
            Self::RawState => "raw_state",
            Self::RawMade => "raw_made",
            Self::Alone => "alone",
            Self::Going => "going",
            Self::GoingRow => "going_row",
            Self::ValueLacks => "value_lacks",
            Self::ValueRow => "value_row",
            Self::ValueFirst => "value_first",
            Self::Hour => "hour",
            Self::HourAlone => "hour_alone",
            Self::Journal => "journal",
            Self::FeedValue => "feed_value",
            Self::FeedAlone => "feed_alone",
        }
    }

    /// Whether it does no harm: killed processes leave what only takes room, and the time at which a value was first seen
    /// stays when that event is removed.
    pub fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::Alone
                | Self::ValueFirst
                | Self::HourAlone
                | Self::FeedAlone
                | Self::FileAlone
                | Self::ChunkAlone
        )
    }

    /// Whether a repair can make it right from the archive.
    pub fn is_mendable(self) -> bool {
        matches!(
            self,
            Self::Alone
                | Self::Going
                | Self::Org
                | Self::ValueLacks
                | Self::ValueRow
                | Self::ValueFirst
                | Self::Hour
                | Self::HourAlone
                | Self::FeedValue
                | Self::FeedAlone
        )
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// The kind.
    pub kind: FaultKind,
    /// The id of the document: its hash where it has one.
    pub id: String,
    /// The fault in words.
    pub words: String,
}

/// Something that seems wrong with a document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub kind: FaultKind,
    /// The `_id` by which the document is looked at again.
    pub key: Bson,
    pub words: String,
}

impl Finding {
    pub(super) fn fault(self) -> Fault {
        Fault {
            kind: self.kind,
            id: shown(&self.key),
            words: self.words,
        }
    }
}

/// Returns an id as people know it: of a raw or session its hash, of others all digits.
pub(crate) fn shown(id: &Bson) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match id {
        Bson::Binary(id) if id.bytes.len() == 49 => hex(&id.bytes[1..33]),
        Bson::Binary(id) => hex(&id.bytes),
        Bson::ObjectId(id) => id.to_hex(),
        Bson::String(text) => text.escape_debug().to_string(),
        other => other.to_string(),
    }
}

/// The findings about the documents of a page.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, kind: FaultKind, key: Bson, words: impl Into<String>) {
        let words = words.into();
        self.0.push(Finding { kind, key, words });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_has_one_name_in_json_and_in_words() {
        let names: BTreeSet<&str> = FaultKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), FaultKind::ALL.len());
        for kind in FaultKind::ALL {
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, kind.as_str());
        }
    }
}
