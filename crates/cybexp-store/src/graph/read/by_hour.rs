//! Counting events by organisation and hour.

use std::collections::{BTreeMap, HashMap};

use bson::{Document, doc};
use futures::{StreamExt, TryStreamExt, stream};
use mongodb::options::Hint;
use serde::Deserialize;

use crate::error::StoreError;
use crate::graph::hours::{self, HOUR_S};
use crate::graph::read::wanted::Wanted;
use crate::mongo::collection::Documents;
use crate::mongo::find::MAX_TIME;

/// Organisations whose events are counted at once.
const COUNTERS: usize = 4;

/// Counts the wanted events by organisation and hour, in these hours or in all. The query's range is ignored. Each
/// organisation has a query of its own, which reads nothing but the index.
pub(crate) async fn by_hour(
    coll: &Documents,
    wanted: &Wanted<'_>,
    run: Option<(i64, i64)>,
) -> Result<HashMap<String, BTreeMap<i64, u64>>, StoreError> {
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
) -> Result<BTreeMap<i64, u64>, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        _id: f64,
        n: i64,
    }
    let counted = coll
        .named("counting events by the hour")
        .aggregate(pipeline);
    let counted = counted.with(|aggregate| {
        aggregate
            .hint(Hint::Name(hint.to_owned()))
            .max_time(MAX_TIME)
    });
    let rows: Vec<Row> = counted.rows().await?.read().await?;
    let mut counts = BTreeMap::new();
    for Row { _id: hour, n } in rows {
        let hour = (hour.max(0.0) / HOUR_S) as i64;
        *counts.entry(hour).or_default() += u64::try_from(n).unwrap_or(0);
    }
    Ok(counts)
}

/// Returns the pipeline of [`by_hour`] for one organisation, and the index that serves it.
pub(crate) fn pipeline(wanted: &Wanted<'_>, times: Document) -> (Vec<Document>, &'static str) {
    let find = wanted.find_at(times);
    let group = doc! {"$group": {"_id": hours::hour_expression(), "n": {"$sum": 1_i64}}};
    (vec![doc! {"$match": find.filter}, group], find.hint)
}
