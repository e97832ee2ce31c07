//! Rows of what may have to go.

use bson::RawDocumentBuf;

use crate::archive::ids::{OrgTag, RawId};
use crate::error::StoreError;
use crate::mongo::collection::from_document;
use crate::sweep::named::Nameable;
use crate::sweep::rows::{self, GoingRow, RowKind};
use crate::verify::content::id_of;
use crate::verify::fault::{FaultKind, Findings};
use crate::verify::state::VerifyReport;

/// Checks the rows of a page.
pub(super) fn check(
    report: &mut VerifyReport,
    page: &[RawDocumentBuf],
) -> Result<Findings, StoreError> {
    let mut found = Findings::default();
    for document in page {
        let key = id_of(document);
        let kind = document.get_i32("kind").unwrap_or_default();
        let Ok(row) = from_document::<GoingRow>(document) else {
            found.add(
                FaultKind::GoingRow,
                key,
                "it is no row of what may have to go",
            );
            continue;
        };
        let ends = row
            .id
            .bytes
            .ends_with(&OrgTag::of(&row.orgid).bytes()[..rows::ORG_BYTES]);
        let is_right = if kind == RowKind::Raw.code() {
            RawId::read(&row.id.bytes).is_some()
        } else if kind == RowKind::Value.code() {
            ends && row.value().is_some() && !row.row.is_empty()
        } else if kind == RowKind::Candidate.code() {
            ends && Nameable::read(&row.node()).is_some()
        } else {
            kind == RowKind::Going.code()
                && row.token.is_some()
                && Nameable::read(&row.own()).is_some()
        };
        match is_right {
            true => report.tell("rows of what may have to go", 1),
            false => {
                let words = "a row of the sweep contradicts itself: what it names is never removed";
                found.add(FaultKind::GoingRow, key, words);
            }
        }
    }
    Ok(found)
}
