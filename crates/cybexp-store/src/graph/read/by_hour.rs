//! Counting events by organisation and hour.

use std::collections::{BTreeMap, HashMap};

use bson::{Document, doc};
use futures::{StreamExt, TryStreamExt, stream};

use crate::error::StoreError;
use crate::graph::hours::{self, HOUR_S};
use crate::graph::read::event_tally::{EventTally, grouped, groups};
use crate::graph::read::wanted::Wanted;
use crate::mongo::collection::Documents;

/// Organisations whose events are counted at once.
const COUNTERS: usize = 4;

/// Counts the wanted events by organisation and hour, in these hours or in all. The query's range is ignored. Each
/// organisation has a query of its own, which reads nothing but the index.
pub(crate) async fn by_hour(
    coll: &Documents,
    wanted: &Wanted<'_>,
    run: Option<(i64, i64)>,
) -> Result<HashMap<String, BTreeMap<i64, EventTally>>, StoreError> {
    let times = run.map_or_else(Document::new, |(first, last)| hours::times(first, last));
    let counts = wanted.orgs.iter().map(|&org| {
        let (pipeline, hint) = pipeline(&wanted.among(&[org]), times.clone());
        async move { Ok::<_, StoreError>((org.to_owned(), count(coll, pipeline, hint).await?)) }
    });
    let counts: Vec<_> = counts.collect();
    stream::iter(counts)
        .buffer_unordered(COUNTERS)
        .try_collect()
        .await
}

async fn count(
    coll: &Documents,
    pipeline: Vec<Document>,
    hint: &'static str,
) -> Result<BTreeMap<i64, EventTally>, StoreError> {
    let doing = "counting events by the hour";
    let mut counts: BTreeMap<i64, EventTally> = BTreeMap::new();
    for group in groups(coll, doing, pipeline, hint).await? {
        let hour = (group.of.unwrap_or_default().max(0.0) / HOUR_S) as i64;
        let counted = counts.entry(hour).or_default();
        *counted = counted.and(group.tally());
    }
    Ok(counts)
}

/// Returns the pipeline of [`by_hour`] for one organisation, and the index that serves it.
pub(crate) fn pipeline(wanted: &Wanted<'_>, times: Document) -> (Vec<Document>, &'static str) {
    let find = wanted.find_at(times);
    let count = grouped(hours::hour_expression());
    (vec![doc! {"$match": find.filter}, count], find.hint)
}
