//! The most frequent values of a sub_type: from tables where they are right, else from the index.

use std::collections::HashMap;
use std::sync::Arc;

use bson::{Bson, doc};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use tahoe_core::question::Context;
use tahoe_core::time::TimeRange;
use tahoe_core::{Category, Hash};

use crate::archive::ids::{OrgTag, binary};
use crate::archive::keys::{self, Kinds};
use crate::error::StoreError;
use crate::graph::read::reader::GraphReader;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::tables::entries::ValueId;
use crate::tables::families::Family;
use crate::tables::kept::Table;
use crate::tables::merge::{Part, most};
use crate::tables::ranges::READERS;
use crate::visible::Visible;

/// Ids that are looked up by one query.
const IDS: usize = 50;

/// The question of [`GraphReader::top`].
#[derive(Debug, Clone, Copy)]
pub struct TopValues<'a> {
    /// The sub_type of the values.
    pub sub_type: &'a str,
    /// The times of the events, both ends included.
    pub range: &'a TimeRange,
    /// The context in which the events have the values.
    pub context: Context,
    /// The category of the events; `None` for any.
    pub category: Option<Category>,
    /// The sub_type of the events; `None` for any.
    pub event: Option<&'a str>,
    /// The most values.
    pub limit: usize,
}

/// The most frequent values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TopPage {
    /// Hashes of the values and their numbers of events, those with the most first.
    pub values: Vec<(Hash, u64)>,
    /// The number of different values.
    pub distinct: u64,
    /// The sum of the numbers of all values.
    pub sum: u64,
    /// Whether all events were counted.
    pub exact: bool,
    /// The number of events that may be missing, since their values are so many that what was derived from them was not
    /// read. An event counts once for each such value.
    pub left_out: u64,
}

impl GraphReader {
    /// Returns the values of a sub_type that the most events have, among those that `visible` shows. Hours whose tables are
    /// not right, and those that the range cuts in two, are counted by the index.
    ///
    /// Countries, networks and domains are also those that filters derived from the values of the events, each once for an
    /// event. The conditions hold for the values from which they were derived.
    pub async fn top(&self, of: TopValues<'_>, visible: &Visible) -> Result<TopPage, StoreError> {
        let orgs: Vec<OrgTag> = visible.orgs().into_iter().map(OrgTag::of).collect();
        if let Some(family) = Family::of_derived(of.sub_type) {
            return self.top_derived(of, family, &orgs).await;
        }
        let tables = self.tables_in(of.range, &orgs, &[of.sub_type]).await?;
        let tables_of_orgs = (0..orgs.len()).flat_map(|org| tables.of(org, 0));
        let parts: Vec<Part> = tables_of_orgs.flat_map(|table| parts(&of, table)).collect();
        let limit = of.limit;
        let none = HashMap::new();
        let found = tokio::task::spawn_blocking(move || most(&parts, limit, &none)).await;
        let found = found.unwrap_or_default();
        let ids: Vec<ValueId> = found.values.iter().map(|(id, _)| *id).collect();
        let hashes = self.hashes(&ids).await?;
        let values = found.values.iter();
        Ok(TopPage {
            values: values
                .filter_map(|(id, count)| Some((*hashes.get(id)?, *count)))
                .collect(),
            distinct: found.distinct,
            sum: found.sum,
            exact: tables.exact,
            left_out: 0,
        })
    }

    /// Returns the hashes that begin with these ids.
    pub(crate) async fn hashes(
        &self,
        ids: &[ValueId],
    ) -> Result<HashMap<ValueId, Hash>, StoreError> {
        #[derive(Deserialize)]
        struct Found {
            #[serde(rename = "_id")]
            id: bson::Binary,
        }
        let parts = ids
            .chunks(IDS)
            .map(|part| by_beginning(part).read::<Found>(&self.coll));
        let found: Vec<Vec<Found>> = stream::iter(parts.collect::<Vec<_>>())
            .buffered(READERS)
            .try_collect()
            .await?;
        let hashes = found.into_iter().flatten().filter_map(|found| {
            let bytes: [u8; 32] = found.id.bytes.try_into().ok()?;
            let mut id = ValueId::default();
            id.copy_from_slice(&bytes[..16]);
            Some((id, Hash::from_bytes(bytes)))
        });
        Ok(hashes.collect())
    }
}

/// Returns the parts of a table, with the kinds of events that are wanted.
pub(crate) fn parts<'a>(of: &'a TopValues<'_>, table: &'a Table) -> impl Iterator<Item = Part> {
    table.iter().map(|(events, entries)| Part {
        entries: Arc::clone(entries),
        wanted: wanted(of, events),
    })
}

/// Returns which kinds of events are wanted.
fn wanted(of: &TopValues<'_>, events: &[String]) -> Arc<[bool]> {
    let kinds = Kinds::of(of.context, of.category);
    let wanted = events.iter().flat_map(|name| {
        let wanted = of.event.is_none_or(|wanted| wanted == name);
        (0..keys::COMBINATIONS).map(move |kind| wanted && kinds.holds(kind))
    });
    wanted.collect()
}

/// Finds the identities that begin like this, from the index alone. Those of attributes have 32 bytes, and are the only ones:
/// nothing else has a hash that begins as that of an attribute does.
pub(crate) fn by_beginning(ids: &[ValueId]) -> Find {
    let range = |id: &ValueId| {
        let bound = |rest: u8| binary([&id[..], &[rest; 16]].concat());
        Bson::from(doc! {"_id": {"$gte": bound(0), "$lte": bound(0xff)}})
    };
    let ranges: Vec<Bson> = ids.iter().map(range).collect();
    Find::new("finding the values of tables", ID, doc! {"$or": ranges}).project(doc! {"_id": 1})
}
