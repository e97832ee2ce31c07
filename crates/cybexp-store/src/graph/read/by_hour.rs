//! Counting events by organisation and hour.

use std::collections::{BTreeMap, HashMap};

use bson::{Document, doc};
use mongodb::options::Hint;
use serde::Deserialize;

use crate::error::StoreError;
use crate::graph::hours::{self, HOUR_S};
use crate::graph::read::wanted::Wanted;
use crate::mongo::collection::Documents;
use crate::mongo::find::MAX_TIME;

/// Counts the wanted events by organisation and hour, in these hours or in all. The query's range is ignored.
pub(crate) async fn by_hour(
    coll: &Documents,
    wanted: &Wanted<'_>,
    run: Option<(i64, i64)>,
) -> Result<HashMap<String, BTreeMap<i64, u64>>, StoreError> {
    #[derive(Deserialize)]
    struct Id {
        org: String,
        hour: f64,
    }
    #[derive(Deserialize)]
    struct Row {
        _id: Id,
        n: i64,
    }
    let doing = "counting events by the hour";
    let times = run.map_or_else(Document::new, |(first, last)| hours::times(first, last));
    let (pipeline, hint) = pipeline(wanted, times);
    let counted = coll.named(doing).aggregate(pipeline).with(|aggregate| {
        aggregate
            .hint(Hint::Name(hint.to_owned()))
            .max_time(MAX_TIME)
    });
    let rows: Vec<Row> = counted.rows().await?.read().await?;
    let mut counts: HashMap<String, BTreeMap<i64, u64>> = HashMap::new();
    for Row { _id: id, n } in rows {
        let hour = (id.hour.max(0.0) / HOUR_S) as i64;
        let n = u64::try_from(n).unwrap_or(0);
        *counts.entry(id.org).or_default().entry(hour).or_default() += n;
    }
    Ok(counts)
}

/// Returns the pipeline of [`by_hour`], and the index that serves it.
pub(crate) fn pipeline(wanted: &Wanted<'_>, times: Document) -> (Vec<Document>, &'static str) {
    let find = wanted.find_at(times);
    let id = doc! {"org": "$orgid", "hour": hours::hour_expression()};
    let group = doc! {"$group": {"_id": id, "n": {"$sum": 1_i64}}};
    (vec![doc! {"$match": find.filter}, group], find.hint)
}
