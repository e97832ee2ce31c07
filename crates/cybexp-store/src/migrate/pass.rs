//! The passes over the old collection.

use bson::{Document, RawDocumentBuf, doc};
use tahoe_core::Rebuilt;

use crate::migrate::check::Checked;
use crate::migrate::lookup::Lookup;
use crate::migrate::plan::Plan;
use crate::mongo::collection::Documents;

/// The number of passes over the old collection.
pub(super) const PASSES: u32 = 5;

/// Returns the names of the filters that read a typetag.
pub(super) type Readers = fn(&str) -> Vec<&'static str>;

/// A pass at work, and what it shares with the others.
pub(super) struct Pass {
    pub new: Documents,
    /// The collection with the place of the migration.
    pub beside: Documents,
    pub lookup: Lookup,
    pub readers: Readers,
}

impl Pass {
    /// Counts a document that was read, and returns its instance if it is sound.
    pub(super) fn begin<'a>(&self, plan: &mut Plan, document: &'a Checked) -> Option<&'a Rebuilt> {
        plan.report.kind(document.itype).read += 1;
        match &document.found {
            Ok(rebuilt) => {
                let mut strange = rebuilt.no_hashes;
                if matches!(document.itype, "attribute" | "object" | "event") {
                    strange += rebuilt.further.len() as u64;
                }
                let told = format!("{strange} elements of its lists are not of its data");
                plan.report
                    .dangling(document.itype, document.id(), strange, &told);
                Some(rebuilt)
            }
            Err(reason) => {
                plan.report.broken(document.itype, document.id(), reason);
                None
            }
        }
    }

    /// Plans to write the document of a sound instance, which is new. Returns whether it can be stored.
    pub(super) fn take(
        &self,
        plan: &mut Plan,
        document: &Checked,
        made: Result<RawDocumentBuf, String>,
    ) -> bool {
        match made {
            Ok(made) => {
                plan.documents.push(made);
                plan.report.kind(document.itype).taken += 1;
                true
            }
            Err(reason) => {
                plan.report.broken(document.itype, document.id(), &reason);
                false
            }
        }
    }
}

/// Makes the condition on the documents of a pass.
pub(super) fn documents_of(pass: u32) -> Document {
    match pass {
        0 => doc! {"itype": "attribute"},
        1 => doc! {"itype": "object"},
        2 => doc! {"itype": "event"},
        3 => doc! {"itype": "session"},
        // documents of no kind are counted here
        _ => doc! {"itype": {"$nin": ["attribute", "object", "event", "session"]}},
    }
}
