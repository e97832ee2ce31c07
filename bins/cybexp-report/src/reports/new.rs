//! The report of a query of type `new`: values of a sub_type that were first seen in a time range, newest first.
//!
//! Reads the rows of values of the organisations that the user may see by their first time, then the values. The first
//! time of a value is that of its first event that the user may see.

use cybexp_store::NewPlace;
use serde_json::Value;
use tahoe_core::Hash;
use tahoe_core::question::{NewValues, QueryType};

use crate::memory::ANSWER_BYTES;
use crate::page::ReportPage;
use crate::sources::{Answered, Asked};
use crate::values;

/// The most reads of one page. Values that another organisation saw earlier are left out.
const READS: usize = 10;
/// The least rows of one read.
const LEAST: usize = 50;

/// Answers with one page of the new values.
pub(crate) async fn answer(new: &NewValues, asked: Asked<'_>) -> Answered {
    let mut place = match new.after.as_deref().map(NewPlace::read) {
        Some(None) => return Ok(Err("field after: is no place of a page".to_owned())),
        place => place.flatten(),
    };
    let (limit, archive) = (new.limit as usize, &asked.sources.archive);
    let kinds = values::kinds(&new.sub_type);
    let (mut rows, mut next, mut cut) = (Vec::new(), None, false);
    let mut room = ANSWER_BYTES;
    for read in 1..=READS {
        let open = (limit - rows.len()).max(LEAST);
        let page = archive.new_values(&kinds, &new.range, place, open, asked.visible);
        let page = page.await?;
        let wanted = limit - rows.len();
        let hashes: Vec<Hash> = page.rows.iter().take(wanted).map(|row| row.hash).collect();
        let (nodes, left) = values::read(&hashes, &mut room, asked).await?;
        cut |= left;
        let known = nodes
            .values()
            .filter(|node| kinds.contains(&node.sub_type.as_str()));
        let known: std::collections::HashMap<Hash, _> =
            known.map(|node| (node.hash, node)).collect();
        let told = page.rows.iter().take(wanted).filter_map(|row| {
            let node = known.get(&row.hash)?;
            Some(values::row(node, "first_seen", row.first.into(), asked))
        });
        rows.extend(told);
        if page.rows.len() > wanted {
            next = page.rows.get(wanted.saturating_sub(1)).map(|row| row.place);
            break;
        }
        next = page.next;
        place = next;
        if next.is_none() || rows.len() >= limit || read == READS || room == 0 {
            break;
        }
    }
    if rows.is_empty()
        && next.is_none()
        && new.after.is_none()
        && let Some(reason) = values::unknown(&new.sub_type)
    {
        return Ok(Err(reason));
    }
    let complete = archive.values_complete().await?;
    let page = ReportPage::only(QueryType::New, Value::Array(rows));
    let next = next.map(|place| place.to_text());
    Ok(Ok(page.goes_on(next).incomplete(!complete).cut(cut)))
}
