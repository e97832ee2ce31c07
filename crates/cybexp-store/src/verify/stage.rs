//! The stages of a verification: the documents that each reads, page by page.

use bson::{Bson, Document, doc};

use crate::archive::ids::{RawId, binary};
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::{CHUNK_FILE, ID};
use crate::tables::headers;
use crate::verify::cache::FIELDS;
use crate::verify::context::Context;
use crate::verify::hours;

/// Documents of a page.
pub(super) const PAGE: i64 = 1000;

/// A stage. The events come before what they name: what nothing names is told from what they were found to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Entries,
    Files,
    Chunks,
    Events,
    Sessions,
    Raws,
    Nodes,
    Others,
    Values,
    Hours,
    Tables,
    Journal,
    Going,
    Feeds,
}

impl Stage {
    pub(super) const ALL: [Self; 14] = [
        Self::Entries,
        Self::Files,
        Self::Chunks,
        Self::Events,
        Self::Sessions,
        Self::Raws,
        Self::Nodes,
        Self::Others,
        Self::Values,
        Self::Hours,
        Self::Tables,
        Self::Journal,
        Self::Going,
        Self::Feeds,
    ];

    /// Returns the name of the documents, for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Files => "sealed files",
            Self::Chunks => "chunks of files",
            Self::Events => "events",
            Self::Sessions => "sessions",
            Self::Raws => "raws",
            Self::Nodes => "attributes and objects",
            Self::Others => "other documents",
            Self::Values => "rows of values",
            Self::Hours => "hours",
            Self::Tables => "tables of hours",
            Self::Journal => "notes of hours",
            Self::Going => "rows of the sweep",
            Self::Feeds => "values of feeds",
        }
    }

    /// Returns the collection; `None` if it is left out.
    pub(super) fn coll(self, context: &Context) -> Option<&Documents> {
        let (archive, cache) = (context.archive(), context.options.cache.as_ref());
        match self {
            Self::Entries => Some(&cache?.entries),
            Self::Files => Some(&cache?.files),
            Self::Chunks => Some(&cache?.chunks),
            Self::Events | Self::Sessions | Self::Raws | Self::Nodes | Self::Others => {
                Some(&archive.coll)
            }
            Self::Values => Some(&archive.values),
            Self::Hours | Self::Tables => Some(&archive.hours),
            Self::Journal => Some(&archive.journal),
            Self::Going => Some(&archive.going),
            Self::Feeds => Some(&context.options.feeds.as_ref()?.values),
        }
    }

    /// Returns the field by which documents are read in order.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Chunks => "files_id",
            _ => "_id",
        }
    }

    /// Finds the next documents behind a place.
    pub(super) fn page(self, after: Option<Bson>) -> Find {
        let (least, most) = self.bounds();
        let range = match after {
            Some(after) => doc! {"$gt": after, "$lte": most},
            None => doc! {"$gte": least, "$lte": most},
        };
        let mut filter = self.condition();
        filter.insert(self.field(), range);
        let mut order = Document::new();
        order.insert(self.field(), 1);
        self.find(filter).sort(order).limit(PAGE)
    }

    /// Finds these documents again.
    pub(super) fn again(self, ids: &[Bson]) -> Find {
        let mut filter = self.condition();
        filter.insert(self.field(), doc! {"$in": ids});
        self.find(filter)
    }

    fn find(self, filter: Document) -> Find {
        let (doing, hint) = (
            "verifying what is stored",
            if self == Self::Chunks { CHUNK_FILE } else { ID },
        );
        let find = Find::new(doing, hint, filter);
        match self {
            Self::Entries => find.project(
                FIELDS
                    .iter()
                    .map(|name| ((*name).to_owned(), Bson::from(1)))
                    .collect(),
            ),
            Self::Chunks => find.project(doc! {"_id": 0, "files_id": 1}),
            Self::Tables => find.project(doc! {"_id": 1}),
            _ => find,
        }
    }

    fn condition(self) -> Document {
        match self {
            Self::Events => doc! {"itype": "event"},
            // what is neither has the id of one of them all the same
            Self::Nodes => doc! {"itype": {"$ne": "event"}},
            _ => Document::new(),
        }
    }

    /// Returns the bounds of the ids, both included.
    pub(super) fn bounds(self) -> (Bson, Bson) {
        let ids = |least: [u8; 12], most: [u8; 12]| {
            (
                Bson::ObjectId(bson::oid::ObjectId::from_bytes(least)),
                Bson::ObjectId(bson::oid::ObjectId::from_bytes(most)),
            )
        };
        let binaries = |least: Vec<u8>, most: Vec<u8>| (binary(least), binary(most));
        match self {
            Self::Entries | Self::Files | Self::Chunks | Self::Journal => ids([0; 12], [0xff; 12]),
            Self::Events | Self::Nodes => binaries(vec![0; 32], vec![0xff; 32]),
            Self::Raws => owned(RawId::begins(&[])),
            Self::Sessions => {
                let bound = |rest: u8| [b"s".as_slice(), &[rest; 48][..]].concat();
                binaries(bound(0), bound(0xff))
            }
            Self::Others => (Bson::MinKey, Bson::MaxKey),
            Self::Values => (Bson::from(""), Bson::from("\u{10ffff}")),
            Self::Hours => (headers::id(0), headers::id(u32::MAX)),
            Self::Tables => hours::chunk_ids(),
            Self::Going => (binary(Vec::new()), binary(vec![0xff; 256])),
            Self::Feeds => binaries(vec![0; 44], vec![0xff; 44]),
        }
    }
}

fn owned(range: Document) -> (Bson, Bson) {
    let bound = |name: &str| range.get(name).cloned().unwrap_or(Bson::Null);
    (bound("$gte"), bound("$lte"))
}

/// Finds documents of the archive whose `_id` is none that this suite makes.
pub(crate) fn others() -> Find {
    let range = |stage: Stage| {
        let (least, most) = stage.bounds();
        (least, most)
    };
    let (nodes, raws, sessions) = (
        range(Stage::Nodes),
        range(Stage::Raws),
        range(Stage::Sessions),
    );
    // no `_id` is a list or a regular expression; the server would read the whole index to find lists
    let types = [
        "double",
        "string",
        "object",
        "objectId",
        "bool",
        "date",
        "null",
        "int",
        "timestamp",
        "long",
        "decimal",
        "minKey",
        "maxKey",
    ];
    let empty = binary(Vec::new());
    let either = vec![
        doc! {"_id": {"$type": types.to_vec()}},
        doc! {"_id": {"$gte": empty, "$lt": nodes.0}},
        doc! {"_id": {"$gt": nodes.1, "$lt": raws.0}},
        doc! {"_id": {"$gt": raws.1, "$lt": sessions.0}},
        doc! {"_id": {"$gt": sessions.1}},
    ];
    Find::new(
        "looking for documents of no known form",
        ID,
        doc! {"$or": either},
    )
    .project(doc! {"_id": 1})
    .limit(PAGE)
}
