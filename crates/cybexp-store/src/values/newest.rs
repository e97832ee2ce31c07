//! Pages of new values, newest first.

use std::cmp::Ordering;
use std::collections::HashMap;

use bson::{Document, doc};
use futures::{StreamExt, TryStreamExt, stream};
use tahoe_core::Hash;
use tahoe_core::time::TimeRange;

use crate::archive::ids::OrgTag;
use crate::archive::keys;
use crate::error::StoreError;
use crate::graph::read::reader::GraphReader;
use crate::graph::read::wanted::within;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::VALUE_FIRST;
use crate::values::page::{READERS, ValuePage, ValueRow};
use crate::values::place::NewPlace;
use crate::values::row::{self, StoredRow};
use crate::values::write;
use crate::visible::Visible;

const READING: &str = "reading new values";

/// A row of one organisation.
#[derive(Debug, Clone, PartialEq)]
struct Candidate {
    place: NewPlace,
    sub_type: usize,
    /// The end of its id.
    tail: String,
}

impl GraphReader {
    /// Returns values of these sub_types of which the first event that `visible` shows lies in the range, newest first,
    /// behind a place. It looks at `limit` rows, so there may be fewer values, even none, and yet more behind them.
    pub async fn new_values(
        &self,
        sub_types: &[&str],
        range: &TimeRange,
        after: Option<NewPlace>,
        limit: usize,
        visible: &Visible,
    ) -> Result<ValuePage<NewPlace>, StoreError> {
        let orgs: Vec<OrgTag> = visible.orgs().into_iter().map(OrgTag::of).collect();
        let orgs_and_types = orgs
            .iter()
            .flat_map(|org| (0..sub_types.len()).map(move |n| (org, n)));
        let reads: Vec<_> = orgs_and_types
            .map(|(org, n)| self.new_of_org(org, (n, sub_types[n]), range, after, limit + 1))
            .collect();
        let found: Vec<Vec<Candidate>> =
            stream::iter(reads).buffered(READERS).try_collect().await?;
        let mut all: Vec<Candidate> = found.into_iter().flatten().collect();
        all.sort_unstable_by(|one, other| order(&one.place, &other.place));
        all.dedup_by(|one, other| one.place == other.place);
        let more = all.len() > limit;
        all.truncate(limit);
        let last = all.last().map(|candidate| candidate.place);
        if orgs.len() > 1 {
            let first = self.first_of(&all, &orgs, sub_types).await?;
            // a value that another organisation saw earlier has its place there
            all.retain(|it| {
                first
                    .get(&it.tail)
                    .is_none_or(|first| *first >= it.place.first)
            });
        }
        let rows = all.into_iter().map(|candidate| ValueRow {
            hash: candidate.place.hash,
            first: candidate.place.first,
            place: candidate.place,
        });
        Ok(ValuePage {
            rows: rows.collect(),
            next: last.filter(|_| more),
        })
    }

    async fn new_of_org(
        &self,
        org: &OrgTag,
        (n, sub_type): (usize, &str),
        range: &TimeRange,
        after: Option<NewPlace>,
        limit: usize,
    ) -> Result<Vec<Candidate>, StoreError> {
        let mut rows: Vec<StoredRow> = Vec::new();
        for find in pages(org, sub_type, range, after) {
            let room = limit - rows.len();
            rows.extend(
                find.limit(room as i64)
                    .read::<StoredRow>(&self.values)
                    .await?,
            );
            if rows.len() >= limit {
                break;
            }
        }
        let head = row::head(org, sub_type);
        let candidates = rows.into_iter().filter_map(|row| {
            let tail = row.id.strip_prefix(&head)?.to_owned();
            let (_, hash) = row::read_tail(&tail)?;
            let place = NewPlace {
                first: row.first,
                hash,
            };
            Some(Candidate {
                place,
                sub_type: n,
                tail,
            })
        });
        Ok(candidates.collect())
    }

    /// Returns the first times of these values over all of these organisations, by the ends of their ids.
    async fn first_of(
        &self,
        values: &[Candidate],
        orgs: &[OrgTag],
        sub_types: &[&str],
    ) -> Result<HashMap<String, f64>, StoreError> {
        let ids = orgs.iter().flat_map(|org| {
            let heads: Vec<String> = sub_types.iter().map(|name| row::head(org, name)).collect();
            let values = values.iter();
            values.map(move |value| format!("{}{}", heads[value.sub_type], value.tail))
        });
        let ids: Vec<String> = ids.collect();
        let mut first: HashMap<String, f64> = HashMap::new();
        for part in ids.chunks(ASK) {
            let part: Vec<&str> = part.iter().map(String::as_str).collect();
            let rows: Vec<StoredRow> = write::known(&part).read(&self.values).await?;
            for row in rows.into_iter().filter(|row| !row.gone) {
                // the head names organisation and sub_type; the hash in the tail tells values apart
                if let Some((_, tail)) = row.id.split_once('\u{1}') {
                    let earliest = first.entry(tail.to_owned()).or_insert(row.first);
                    *earliest = earliest.min(row.first);
                }
            }
        }
        Ok(first)
    }
}

/// The order of new values: newest first, those of the same time by their hash as a signed number, as the index has them.
fn order(one: &NewPlace, other: &NewPlace) -> Ordering {
    let tie = |hash: Hash| (keys::tie(hash), hash);
    let newest = other.first.total_cmp(&one.first);
    newest.then_with(|| tie(one.hash).cmp(&tie(other.hash)))
}

/// Finds the rows behind a place, newest first: those of the same time, then earlier ones.
pub(crate) fn pages(
    org: &OrgTag,
    sub_type: &str,
    range: &TimeRange,
    after: Option<NewPlace>,
) -> Vec<Find> {
    let find = |first: Document, tie: Option<Document>| {
        let mut filter = doc! {"by": row::by(org, sub_type), "gone": {"$ne": true}};
        if !first.is_empty() {
            filter.insert("first", first);
        }
        if let Some(tie) = tie {
            filter.insert("tie", tie);
        }
        Find::new(READING, VALUE_FIRST, filter)
            .project(row::fields())
            .sort(doc! {"first": -1, "tie": 1})
    };
    let Some(place) = after else {
        return vec![find(within(Document::new(), range), None)];
    };
    // whoever made up the place sees no more than the range
    let same = within(doc! {"$gte": place.first}, range);
    let at_most = range.end.map_or(place.first, |end| end.min(place.first));
    let mut same = same;
    same.insert("$lte", at_most);
    let mut earlier = within(Document::new(), range);
    if earlier
        .get_f64("$lte")
        .map_or(true, |end| end >= place.first)
    {
        earlier.remove("$lte");
        earlier.insert("$lt", place.first);
    }
    vec![
        find(same, Some(doc! {"$gt": keys::tie(place.hash)})),
        find(earlier, None),
    ]
}
