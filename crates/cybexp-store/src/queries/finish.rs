//! Storing the answer to a claimed query.

use bson::{Bson, Document, RawDocumentBuf, doc};
use tahoe_core::{Hash, Query, Report, Status};

use crate::error::{Doing, StoreError};
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::to_document;
use crate::mongo::row::is_of_the_document;
use crate::mongo::swap::refused;
use crate::queries::claim::{Claimed, aside};
use crate::queries::fields::{ASKED, LAST, OWN, REDO, REPORT_MAC, SHARED};
use crate::queries::queue::{Queries, descendants, unix_now};
use crate::queries::status::moved;

const ANSWERING: &str = "answering a query";

/// The result of a query.
#[derive(Debug)]
pub enum Answer {
    /// The report.
    Ready(Box<Report>),
    /// The query failed, for this reason.
    Failed(String),
}

/// A report as it is about to be stored.
struct NewReport {
    hash: Hash,
    document: RawDocumentBuf,
    mac: Option<String>,
}

impl Queries {
    /// Stores an answer without an authentication code, as the Python report daemon does; see [`Self::finish_with`].
    pub async fn finish(&self, claim: &Claimed, answer: &Answer) -> Result<bool, StoreError> {
        self.finish_with(claim, answer, |_, _| None).await
    }

    /// Writes the answer and ends the claim. Returns false if the claim was lost to another daemon, whose answer is
    /// kept. `mac` makes the authentication code of a report on the query of this hash.
    pub async fn finish_with(
        &self,
        claim: &Claimed,
        answer: &Answer,
        mac: impl Fn(Hash, &Report) -> Option<String>,
    ) -> Result<bool, StoreError> {
        let query = claim.query.as_ref().ok();
        let hash = query.and_then(|query| Some(query.to_object().ok()?.hash()));
        let new = |report: &Report| {
            Ok::<_, String>(NewReport {
                hash: report.hash(),
                document: to_document(report)?,
                mac: hash.and_then(|hash| mac(hash, report)),
            })
        };
        let refusal = |reason: String| {
            let report = query.and_then(|query| refusal(query, &reason));
            (report.and_then(|report| new(&report).ok()), Some(reason))
        };
        let (report, reason) = match answer {
            Answer::Ready(report) => match new(report) {
                Ok(report) => (Some(report), None),
                Err(reason) => refusal(format!("the report: {reason}")),
            },
            Answer::Failed(reason) => refusal(reason.clone()),
        };
        let status = match reason {
            None => Status::Ready,
            Some(_) => Status::Failed,
        };
        let mut fields = Document::new();
        let mut written = None;
        if let Some(report) = &report {
            let document = Document::try_from(&report.document).doing(ANSWERING)?;
            let mut own = document.clone();
            SHARED.iter().for_each(|field| drop(own.remove(field)));
            fields.insert(OWN, doc! {"$literal": own});
            let last = doc! {
                "token": claim.token, "report": report.hash.to_string(),
                "failed": status == Status::Failed, "finished": unix_now(),
                "bytes": report.document.as_bytes().len() as i64,
            };
            fields.insert(LAST, doc! {"$literal": last});
            if let Some(mac) = &report.mac {
                fields.insert(REPORT_MAC, mac);
            }
            written = Some((report.hash, document));
        }
        if let Some(reason) = &reason {
            // a pipeline would read text that begins with a dollar sign as a field
            fields.insert("_error", doc! {"$literal": reason});
        }
        let report_id = report.as_ref().map(|report| report.hash);
        let write = async {
            match written {
                Some((hash, document)) => self.put_report(hash, document).await,
                None => Ok(()),
            }
        };
        let change = async {
            match query {
                Some(query) => self.changed(&query.changed(status, report_id)).await,
                None => Ok(moved(Status::Processing, status)),
            }
        };
        let ((), mut set) = futures::try_join!(write, change)?;
        for field in ["_error", "_lease", REDO, ASKED, OWN, LAST, REPORT_MAC] {
            let value = fields.remove(field);
            set.insert(field, value.unwrap_or_else(|| "$$REMOVE".into()));
        }
        match self.end(claim, vec![doc! {"$set": set}].into()).await {
            Err(error) if error.code().is_some_and(is_of_the_document) => {
                self.end(claim, aside(&error.to_string())).await
            }
            ended => ended,
        }
    }

    /// Writes the last change of a query while the claim holds. Returns whether it held.
    async fn end(&self, claim: &Claimed, update: Bson) -> Result<bool, StoreError> {
        let update = Update {
            filter: claim.ours(),
            update,
            upsert: false,
        };
        let updated = bulk::update(&self.coll, &[update], ANSWERING).await?;
        Ok(updated.whole(ANSWERING)?.matched == 1)
    }

    async fn put_report(&self, hash: Hash, document: Document) -> Result<(), StoreError> {
        let doing = "writing a report";
        let update = Update {
            filter: doc! {"_hash": hash.to_string()},
            update: document.into(),
            upsert: true,
        };
        let updated = bulk::update(&self.coll, &[update], doing).await?;
        updated.whole(doing).map(drop)
    }

    /// Stores the instances to which a query refers, and returns the fields of its document that hold them.
    async fn changed(&self, query: &Query) -> Result<Document, StoreError> {
        let object = query
            .to_object()
            .map_err(|error| refused(ANSWERING, &error))?;
        self.insert_nodes(descendants(&object)).await?;
        let document = bson::serialize_to_document(&object).doing(ANSWERING)?;
        let literal = |field: &str| doc! {"$literal": document.get(field).cloned()};
        Ok(doc! {"data": literal("data"), "_cref": literal("_cref"), "_ref": literal("_ref")})
    }
}

/// Makes the report of a failed query, with the reason.
fn refusal(query: &Query, reason: &str) -> Option<Report> {
    let userid = query.userid.clone();
    Report::refusal(&query.qtype, userid, query.timestamp, reason).ok()
}
