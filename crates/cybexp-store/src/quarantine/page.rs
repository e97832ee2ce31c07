//! Pages of quarantined records, for those who may see some organisations only.

use bson::{Document, RawDocumentBuf, doc};
use serde_json::Value;
use tahoe_core::{Hash, OrgId};

use crate::archive::ids::RawId;
use crate::cache::entry::EntryId;
use crate::cache::open::Cache;
use crate::error::{Doing, StoreError};
use crate::graph::read::reader::GraphReader;
use crate::mongo::find::Find;
use crate::mongo::indexes::{ENTRY_REFUSED, ID, RAW_REFUSED};
use crate::quarantine::list::{
    Refused, entry_fields, raw_fields, readable, refused_entries, refused_row,
};
use crate::quarantine::selection::Selection;
use crate::visible::Visible;

const LISTING: &str = "listing a page of the quarantine";
/// The most records of one entry on a page.
const OF_ENTRY: i32 = 100;
/// The longest raw that is shown with its data, in bytes.
const SHOWN_BYTES: usize = 2 << 20;

/// A page of quarantined records, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct RefusedPage<P> {
    /// The records.
    pub records: Vec<Refused>,
    /// The place behind which the next page begins; `None` on the last page.
    pub next: Option<P>,
}

/// A place among the raws that filters refused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RefusedPlace {
    /// The time of the last raw of the page, in Unix seconds.
    at: f64,
    /// The number of raws of this time that were read.
    read: u64,
}

impl RefusedPlace {
    /// Returns the place as text.
    pub fn to_text(&self) -> String {
        format!("{}_{}", self.at, self.read)
    }

    /// Reads the text of a place; `None` if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let (at, read) = text.trim().split_once('_')?;
        let at: f64 = at.parse().ok()?;
        Some(Self {
            at: at.is_finite().then_some(at)?,
            read: read.parse().ok()?,
        })
    }

    fn after(before: Option<Self>, row: &Document) -> Self {
        let at = row.get_f64("timestamp").unwrap_or_default();
        match before {
            Some(before) if before.at == at => Self {
                read: before.read + 1,
                ..before
            },
            _ => Self { at, read: 1 },
        }
    }
}

impl Cache {
    /// Returns the records of these organisations that the archive daemon could not open, newest first: those of `limit`
    /// entries at most, and at most 100 of each.
    pub async fn refused_page(
        &self,
        orgs: &[String],
        after: Option<EntryId>,
        limit: u32,
    ) -> Result<RefusedPage<EntryId>, StoreError> {
        let rows = bad_entries(orgs, after, limit).all(&self.entries).await?;
        let last = rows.last().and_then(|row| row.get_object_id("_id").ok());
        let next = last.filter(|_| rows.len() == limit as usize);
        let rows = rows.iter().filter_map(|row| Document::try_from(row).ok());
        let records = rows.flat_map(|row| {
            let of: Vec<Refused> = refused_entries(&row, &Selection::default()).collect();
            of
        });
        let records = records.collect();
        Ok(RefusedPage { records, next })
    }
}

impl GraphReader {
    /// Returns the raws that filters refused, newest first, at most `limit`, of the organisations that are visible and of
    /// this typetag, if there is one.
    pub async fn refused_page(
        &self,
        visible: &Visible,
        typetag: Option<&str>,
        after: Option<RefusedPlace>,
        limit: u32,
    ) -> Result<RefusedPage<RefusedPlace>, StoreError> {
        let rows = refused_raws(&visible.orgs(), after, limit);
        let rows: Vec<Document> = rows.read(&self.coll).await?;
        let place = rows
            .iter()
            .fold(after, |place, row| Some(RefusedPlace::after(place, row)));
        let next = place.filter(|_| rows.len() == limit as usize);
        let is_of = |row: &&Document| {
            let of = |typetag| row.get_str("sub_type").is_ok_and(|it| it == typetag);
            typetag.is_none_or(of)
        };
        let records = rows.iter().filter(is_of).filter_map(refused_row).collect();
        Ok(RefusedPage { records, next })
    }

    /// Returns the documents of the refused raws of this hash as JSON, one for each visible organisation that submitted it.
    /// A raw of over 2 MiB comes without its data.
    pub async fn refused_raw(
        &self,
        visible: &Visible,
        hash: Hash,
    ) -> Result<Vec<Value>, StoreError> {
        let documents = refused_of_hash(hash, &visible.0).all(&self.coll).await?;
        documents.iter().map(shown).collect()
    }
}

fn shown(document: &RawDocumentBuf) -> Result<Value, StoreError> {
    let is_long = document.as_bytes().len() > SHOWN_BYTES;
    let mut fields = Document::try_from(document).unwrap_or_default();
    if is_long {
        fields.remove("data");
        fields.insert("cut", true);
    }
    bson::deserialize_from_bson(readable(fields.into())).doing(LISTING)
}

/// Finds the entries of these organisations that the archive daemon could not open, newest first.
pub(crate) fn bad_entries(orgs: &[String], after: Option<EntryId>, limit: u32) -> Find {
    let mut filter = doc! {"orgid": {"$in": orgs}, "bad_data": true};
    if let Some(after) = after {
        filter.insert("_id", doc! {"$lt": after});
    }
    let mut fields = entry_fields();
    fields.insert("bad", doc! {"$slice": OF_ENTRY});
    Find::new(LISTING, ENTRY_REFUSED, filter)
        .project(fields)
        .sort(doc! {"_id": -1})
        .limit(limit.into())
}

/// Finds the raws of these organisations that filters refused, newest first.
pub(crate) fn refused_raws(orgs: &[&str], after: Option<RefusedPlace>, limit: u32) -> Find {
    let mut filter = doc! {"orgid": {"$in": orgs}, "_error": {"$exists": true}};
    if let Some(after) = after {
        filter.insert("timestamp", doc! {"$lte": after.at});
    }
    Find::new(LISTING, RAW_REFUSED, filter)
        .project(raw_fields())
        .sort(doc! {"timestamp": -1, "_id": -1})
        .skip(after.map_or(0, |after| after.read))
        .limit(limit.into())
}

/// Finds the refused raws of a hash.
pub(crate) fn refused_of_hash(hash: Hash, orgs: &[OrgId]) -> Find {
    let ids = orgs.iter().map(|org| RawId::new(hash, org.as_str()).bson());
    let ids: Vec<_> = ids.collect();
    let filter = doc! {"_id": {"$in": ids}, "_error": {"$exists": true}};
    Find::new("reading a refused raw", ID, filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for at in [1.5, 1_764_000_000.123_456, 0.0] {
            let place = RefusedPlace { at, read: 7 };
            assert_eq!(RefusedPlace::read(&place.to_text()), Some(place));
        }
        for text in ["", "1", "a_1", "NaN_1", "inf_1", "1_-1"] {
            assert_eq!(RefusedPlace::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_place_counts_what_has_its_time() {
        let row = |at: f64| doc! {"timestamp": at};
        let first = RefusedPlace::after(None, &row(2.0));
        let second = RefusedPlace::after(Some(first), &row(2.0));
        assert_eq!((first.read, second.read), (1, 2));
        assert_eq!(RefusedPlace::after(Some(second), &row(1.0)).read, 1);
    }
}
