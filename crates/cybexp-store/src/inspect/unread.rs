//! Raws that no filter reads. Either their filter does not exist yet, or their typetag was mistyped.

use bson::doc;

use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::mongo::indexes::RAW_TYPE;
use crate::raws::queue::Raws;

/// The most typetags that are returned, and the most raws of one that are counted.
const TYPETAGS: usize = 100;
const COUNTED: i64 = 100_000;

/// Raws of one typetag that no filter reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The typetag under which they were submitted.
    pub typetag: String,
    /// The number of raws; 100,000 means 100,000 or more.
    pub raws: u64,
}

impl Raws {
    /// Counts the raws of each typetag that is not in `known`, for the first 100 such typetags in alphabetical order.
    /// Reads one index key for each typetag, and one for each raw that is counted.
    pub async fn unread(&self, known: &[&str]) -> Result<Vec<Unread>, StoreError> {
        let mut unread = Vec::new();
        let mut last = String::new();
        while unread.len() < TYPETAGS {
            let found = next_typetag(&last).all(&self.archive.coll).await?;
            let Some(typetag) = found.first().and_then(|row| row.get_str("sub_type").ok()) else {
                break;
            };
            if !known.contains(&typetag) {
                let raws = raws_of(typetag).count(&self.archive.coll).await?;
                let typetag = typetag.to_owned();
                unread.push(Unread { typetag, raws });
            }
            typetag.clone_into(&mut last);
        }
        Ok(unread)
    }
}

/// Finds the first typetag after this one.
pub(crate) fn next_typetag(last: &str) -> Find {
    let filter = doc! {"itype": "raw", "sub_type": {"$gt": last}};
    Find::new("listing typetags", RAW_TYPE, filter)
        .sort(doc! {"sub_type": 1})
        .project(doc! {"sub_type": 1})
        .limit(1)
}

pub(crate) fn raws_of(typetag: &str) -> Find {
    let filter = doc! {"itype": "raw", "sub_type": typetag};
    Find::new("counting raws of a typetag", RAW_TYPE, filter).limit(COUNTED)
}
