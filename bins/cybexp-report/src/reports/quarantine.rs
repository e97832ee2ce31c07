//! The report of a query of type `quarantine`: raws that filters refused, newest first, or those of one hash with their data.

use cybexp_store::{Refused, RefusedPlace};
use serde_json::{Value, json};
use tahoe_core::question::{QueryType, Refusals};

use crate::page::ReportPage;
use crate::sources::{Answered, Asked};

/// The most characters of a reason.
const REASON_CHARS: usize = 1000;

/// Answers with one page of refused raws.
pub(crate) async fn answer(refusals: &Refusals, asked: Asked<'_>) -> Answered {
    let archive = &asked.sources.archive;
    if let Some(hash) = refusals.hash {
        let raws = archive.refused_raw(asked.visible, hash).await?;
        let page = ReportPage::only(QueryType::Quarantine, Value::Array(raws));
        return Ok(Ok(page));
    }
    let after = match refusals.after.as_deref().map(RefusedPlace::read) {
        Some(None) => return Ok(Err("field after: is no place of a page".to_owned())),
        place => place.flatten(),
    };
    let typetag = refusals.typetag.as_ref().map(|typetag| typetag.as_str());
    let page = archive.refused_page(asked.visible, typetag, after, refusals.limit);
    let page = page.await?;
    let rows = page.records.iter().map(row).collect();
    let next = page.next.map(|place| place.to_text());
    Ok(Ok(ReportPage::only(
        QueryType::Quarantine,
        Value::Array(rows),
    )
    .goes_on(next)))
}

fn row(refused: &Refused) -> Value {
    json!({
        "_hash": refused.hash, "typetag": refused.typetag, "orgid": refused.orgid, "timestamp": refused.timestamp,
        "filter": refused.by, "reason": refused.reason.chars().take(REASON_CHARS).collect::<String>(),
    })
}
