//! The `top` report: the values of a sub_type that the most events have.
//!
//! Reads the tables of hours of the organisations that the user may see, and what they lack from the index; then the values.
//! Countries, networks and domains are also those that were derived from the values of the events, and behaviours are those of
//! the sessions that ended in the range.

use cybexp_store::TopValues;
use serde_json::Value;
use tahoe_core::Hash;
use tahoe_core::question::{QueryType, Top};

use crate::memory::ANSWER_BYTES;
use crate::page::ReportPage;
use crate::sources::{Answered, Asked};
use crate::values;

/// Answers with the most frequent values.
pub(crate) async fn answer(top: &Top, asked: Asked<'_>) -> Answered {
    let archive = &asked.sources.archive;
    let kinds = values::kinds(&top.sub_type);
    let limit = top.limit as usize;
    let (mut most, mut distinct, mut sum, mut exact) = (Vec::new(), 0, 0, true);
    let (mut left_out, mut incomplete) = (0, false);
    for kind in &kinds {
        let of = TopValues {
            sub_type: kind,
            range: &top.range,
            context: top.context,
            category: top.category,
            event: top.event.as_ref().map(|event| event.as_str()),
            limit,
        };
        let page = archive.top(of, asked.visible).await?;
        most.extend(page.values);
        distinct += page.distinct;
        sum += page.sum;
        exact &= page.exact;
        incomplete |= !page.exact && page.left_out == 0;
        left_out += page.left_out;
    }
    if sum == 0
        && let Some(reason) = values::unknown(&top.sub_type)
    {
        return Ok(Err(reason));
    }
    most.sort_unstable_by(|(one, n), (other, m)| m.cmp(n).then(one.cmp(other)));
    most.truncate(limit);
    let hashes: Vec<Hash> = most.iter().map(|(hash, _)| *hash).collect();
    let mut room = ANSWER_BYTES;
    let (nodes, cut) = values::read(&hashes, &mut room, asked).await?;
    let rows = most.iter().filter_map(|(hash, count)| {
        let node = nodes.get(hash)?;
        let is_wanted = kinds.contains(&node.sub_type.as_str());
        is_wanted.then(|| values::row(node, "count", (*count).into(), asked))
    });
    let rows: Vec<Value> = rows.collect();
    // events of an archive of an earlier release may not be found yet
    exact &= archive.values_complete().await?;
    let page = ReportPage::only(QueryType::Top, Value::Array(rows));
    let page = page.counted(distinct, sum, exact).left_out(left_out);
    Ok(Ok(page.incomplete(incomplete).cut(cut)))
}
