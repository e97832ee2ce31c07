//! The search of an archive for the values of a new feed, a step at a time.

use bson::doc;
use serde::Deserialize;
use tahoe_core::{Attribute, Hash};

use crate::archive::ids::binary;
use crate::error::StoreError;
use crate::feeds::standing::attribute;
use crate::graph::read::reader::GraphReader;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;

/// The documents that one step reads.
const STEP: i64 = 2000;

#[derive(Debug, Deserialize)]
struct Row {
    #[serde(rename = "_hash")]
    hash: Hash,
    #[serde(default)]
    sub_type: Option<String>,
    #[serde(default, deserialize_with = "crate::mongo::json::read")]
    data: tahoe_core::Value,
}

impl GraphReader {
    /// Reads a step of the archive after this hash. Returns its attributes of these sub_types, and the hash of the last
    /// document; `None` at the end.
    pub(crate) async fn feed_walk(
        &self,
        after: Option<Hash>,
        sub_types: &[String],
    ) -> Result<(Vec<Attribute>, Option<Hash>), StoreError> {
        let mut rows = step(after, sub_types).rows(&self.coll).await?;
        let (mut found, mut last, mut read) = (Vec::new(), None, 0);
        while let Some(row) = rows.next().await? {
            read += 1;
            let Ok(row) = crate::mongo::collection::from_document::<Row>(&row) else {
                continue;
            };
            last = Some(row.hash);
            let wanted = row.sub_type.filter(|sub_type| sub_types.contains(sub_type));
            found.extend(wanted.and_then(|sub_type| attribute(&sub_type, &row.data)));
        }
        Ok((found, last.filter(|_| read == STEP)))
    }
}

/// Finds the next documents by id, and the data of those that are attributes of these sub_types.
pub(crate) fn step(after: Option<Hash>, sub_types: &[String]) -> Find {
    // ids of attributes, objects and events have 32 bytes; those of raws and sessions are longer, and sort behind
    let from = after.map_or_else(|| vec![0; 32], |hash| hash.as_bytes().to_vec());
    let range = match after {
        Some(_) => doc! {"$gt": binary(from), "$lte": binary(vec![0xff; 32])},
        None => doc! {"$gte": binary(from), "$lte": binary(vec![0xff; 32])},
    };
    let wanted =
        doc! {"$and": [{"$eq": ["$itype", "attribute"]}, {"$in": ["$sub_type", sub_types]}]};
    let field = |name: &str| doc! {"$cond": [&wanted, name, "$$REMOVE"]};
    Find::new(
        "searching the archive for the values of a feed",
        ID,
        doc! {"_id": range},
    )
    .project(doc! {"_id": 0, "_hash": 1, "sub_type": field("$sub_type"), "data": field("$data")})
    .sort(doc! {"_id": 1})
    .limit(STEP)
}
