//! Events with their attributes in one read, for the walks of threatranks.

use bson::{Document, RawDocument, doc};
use threatrank::OpenEvent;

use crate::archive::data;
use crate::graph::read::neighbours::time;

/// The most bytes of an event whose data are read with it. Those of a large mail would be read in vain.
const MOST_BYTES: i32 = 8_192;

/// Makes the projection of an event that [`read`] reads.
pub(crate) fn fields() -> Document {
    let mut fields = time();
    let is_small = doc! {"$lt": [{"$bsonSize": "$$ROOT"}, MOST_BYTES]};
    fields.insert("data", doc! {"$cond": [is_small, "$data", "$$REMOVE"]});
    fields
}

/// Reads an event, with the attributes of its data if they are there; `None` if it is malformed.
pub(crate) fn read(event: &RawDocument) -> Option<OpenEvent> {
    let attributes = event.get_document("data").ok().map(|data| {
        let attributes = data::hashes(data, |_| true);
        attributes.into_iter().map(|(_, hash)| hash).collect()
    });
    Some(OpenEvent {
        event: bson::deserialize_from_slice(event.as_bytes()).ok()?,
        attributes,
    })
}
