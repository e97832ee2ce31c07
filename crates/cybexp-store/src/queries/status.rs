//! The status of stored queries: how it is looked for, and how it is changed without reading the document.

use bson::{Document, doc};
use tahoe_core::Status;

/// Matches queries in this status.
pub(crate) fn in_status(status: Status) -> Document {
    let hash = status.attribute().hash().to_string();
    doc! {"sub_type": "query", "_cref": hash}
}

/// Makes the change of status that does not need the document to be read first, as fields of a `$set` stage.
pub(crate) fn moved(from: Status, to: Status) -> Document {
    let [from, hash] = [from, to].map(|status| status.attribute().hash().to_string());
    let changed = |field: &str| {
        // a value other than an array would fail the update, and so stop the queue
        let hashes = doc! {"$cond": [{"$isArray": field}, field, []]};
        let rest = doc! {"$setDifference": [hashes, [&from]]};
        doc! {"$setUnion": [rest, [&hash]]}
    };
    doc! {"data.status": [to.as_str()], "_cref": changed("$_cref"), "_ref": changed("$_ref")}
}
