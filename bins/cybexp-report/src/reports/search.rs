//! The `search` report: values of a sub_type that begin with a text, addresses within a network, hosts below a domain.
//!
//! Reads the rows of values of the organisations that the user may see, in the order of the values, then the values.

use cybexp_store::{ValuePlace, ValueSearch};
use serde_json::Value;
use tahoe_core::Hash;
use tahoe_core::question::{QueryType, Search};

use crate::memory::ANSWER_BYTES;
use crate::page::ReportPage;
use crate::sources::{Answered, Asked};
use crate::values;

/// The most reads of one page. A row tells only the beginning of its value, so not all rows that are read match.
const READS: usize = 10;

/// Answers with one page of the values that match.
pub(crate) async fn answer(search: &Search, asked: Asked<'_>) -> Answered {
    let after = match search.after.as_deref().map(ValuePlace::read) {
        Some(None) => return Ok(Err("field after: is no place of a page".to_owned())),
        after => after.flatten(),
    };
    let (limit, archive) = (search.limit as usize, &asked.sources.archive);
    let mut kinds = values::kinds(&search.sub_type);
    if let Some(place) = &after {
        match kinds.iter().position(|kind| *kind == place.sub_type) {
            Some(n) => drop(kinds.drain(..n)),
            None => return Ok(Err("field after: is a place of another sub_type".to_owned())),
        }
    }
    let (mut rows, mut next, mut cut) = (Vec::new(), None, false);
    let (mut place, mut last) = (after.clone(), after);
    let (mut room, mut reads) = (ANSWER_BYTES, 0);
    'kinds: for kind in kinds {
        let wanted = match ValueSearch::new(kind, &search.text) {
            Ok(wanted) => wanted,
            Err(reason) => return Ok(Err(format!("field text: {reason}"))),
        };
        loop {
            let open = limit - rows.len();
            let found = archive.search_values(&wanted, place.as_ref(), open.max(1), asked.visible);
            let page = found.await?;
            if open == 0 {
                // the page is full; is there a value of this kind, too?
                if !page.rows.is_empty() {
                    next = last;
                    break 'kinds;
                }
                break;
            }
            let hashes: Vec<Hash> = page.rows.iter().map(|row| row.hash).collect();
            let (nodes, left) = values::read(&hashes, &mut room, asked).await?;
            cut |= left;
            for row in page.rows {
                let matching = nodes.get(&row.hash).filter(|node| {
                    let data = node.data.as_ref();
                    node.sub_type == kind && data.is_some_and(|data| wanted.matches(data))
                });
                rows.extend(
                    matching.map(|node| values::row(node, "first_seen", row.first.into(), asked)),
                );
                last = Some(row.place);
            }
            reads += 1;
            match page.next {
                None => break,
                Some(to) if rows.len() >= limit || reads >= READS || room == 0 => {
                    next = Some(to);
                    break 'kinds;
                }
                to => place = to,
            }
        }
        place = None;
    }
    if rows.is_empty()
        && next.is_none()
        && search.after.is_none()
        && let Some(reason) = values::unknown(&search.sub_type)
    {
        return Ok(Err(reason));
    }
    let complete = archive.values_complete().await?;
    let page = ReportPage::only(QueryType::Search, Value::Array(rows));
    let next = next.map(|place| place.to_text());
    Ok(Ok(page.goes_on(next).incomplete(!complete).cut(cut)))
}
