//! Pages of values in their order.

use bson::doc;
use futures::{StreamExt, TryStreamExt, stream};
use tahoe_core::Hash;

use crate::archive::ids::OrgTag;
use crate::error::StoreError;
use crate::graph::read::reader::GraphReader;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::values::place::ValuePlace;
use crate::values::row::{self, StoredRow};
use crate::values::search::ValueSearch;
use crate::visible::Visible;

const SEARCHING: &str = "searching values";

/// Organisations whose rows are read at once.
pub(crate) const READERS: usize = 4;

/// A value that an event refers to.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueRow<P> {
    /// The hash of the attribute.
    pub hash: Hash,
    /// The time of the first event, in Unix seconds.
    pub first: f64,
    /// Its place in the order.
    pub place: P,
}

/// Values in order, and whether there are more behind them.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuePage<P> {
    /// The values.
    pub rows: Vec<ValueRow<P>>,
    /// The place behind which the next page begins, if there are more values.
    pub next: Option<P>,
}

impl GraphReader {
    /// Returns the values of a search behind a place that `visible` shows, at most `limit` of them. Some may not match: a
    /// key does not hold the whole value.
    pub async fn search_values(
        &self,
        search: &ValueSearch,
        after: Option<&ValuePlace>,
        limit: usize,
        visible: &Visible,
    ) -> Result<ValuePage<ValuePlace>, StoreError> {
        let orgs = visible.orgs();
        let reads = orgs
            .iter()
            .map(|org| self.search_org(org, search, after, limit + 1));
        let reads: Vec<_> = reads.collect();
        let found: Vec<Vec<(String, f64)>> =
            stream::iter(reads).buffered(READERS).try_collect().await?;
        let mut all: Vec<(String, f64)> = found.into_iter().flatten().collect();
        all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        all.dedup_by(|(tail, first), (kept, earliest)| {
            let same = tail == kept;
            if same {
                *earliest = first.min(*earliest);
            }
            same
        });
        let more = all.len() > limit;
        all.truncate(limit);
        let row = |(tail, first): (String, f64)| {
            let (key, hash) = row::read_tail(&tail)?;
            Some(ValueRow {
                hash,
                first,
                place: ValuePlace {
                    sub_type: search.sub_type.clone(),
                    key: key.to_owned(),
                    hash,
                },
            })
        };
        let rows: Vec<ValueRow<ValuePlace>> = all.into_iter().filter_map(row).collect();
        let last = rows.last().map(|row| row.place.clone());
        Ok(ValuePage {
            next: last.filter(|_| more),
            rows,
        })
    }

    /// Returns the ends of the ids and the first times of an organisation's rows.
    async fn search_org(
        &self,
        org: &str,
        search: &ValueSearch,
        after: Option<&ValuePlace>,
        limit: usize,
    ) -> Result<Vec<(String, f64)>, StoreError> {
        let head = row::head(&OrgTag::of(org), &search.sub_type);
        let after = after.map(|place| row::tail(&place.key, place.hash));
        let mut all = Vec::new();
        for range in &search.ranges {
            if after.as_ref().is_some_and(|after| *after >= range.1) {
                continue;
            }
            let find = rows(&head, range, after.as_deref(), limit - all.len());
            let rows: Vec<StoredRow> = find.read(&self.values).await?;
            let tails = rows.into_iter().filter_map(|row| {
                let tail = row.id.strip_prefix(&head)?.to_owned();
                Some((tail, row.first))
            });
            all.extend(tails);
            if all.len() >= limit {
                break;
            }
        }
        Ok(all)
    }
}

/// Finds the rows with this beginning of their ids whose ends are in the range and behind a place.
pub(crate) fn rows(
    head: &str,
    (from, to): &(String, String),
    after: Option<&str>,
    limit: usize,
) -> Find {
    let end = format!("{head}{to}");
    let ids = match after {
        Some(after) if after >= from.as_str() => doc! {"$gt": format!("{head}{after}"), "$lt": end},
        _ => doc! {"$gte": format!("{head}{from}"), "$lt": end},
    };
    Find::new(SEARCHING, ID, doc! {"_id": ids, "gone": {"$ne": true}})
        .project(row::fields())
        .sort(doc! {"_id": 1})
        .limit(limit as i64)
}
