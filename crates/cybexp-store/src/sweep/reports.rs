//! Queries and reports that are older than the settings keep.
//!
//! A query refers to attributes and a socket that are documents of their own, because the Python system expects every hash
//! in `_cref` to be one. Those that no query names any more go in the pass after that of their query.

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocumentBuf, doc};

use crate::error::StoreError;
use crate::mongo::bulk;
use crate::mongo::find::Find;
use crate::mongo::indexes::{ID, QUERY_TURN};
use crate::quarantine::selection::id_at;
use crate::queries::fields::ASKED;
use crate::queries::queue::Queries;

const LOOKING: &str = "looking for queries and reports to remove";
const NAMED: &str = "looking whether a query names an instance";
const REMOVING: &str = "removing queries and reports";
const BACK: &str = "putting back what a new query names";

/// The most documents of a step.
const STEP: i64 = 500;
/// Sub_types of the instances of which each query, or nearly each, has its own. There are few of the others.
const OWN: [&str; 5] = ["qdata", "qhash", "timestamp", "report_id", "socket"];
/// Time after which the text that a query's asker waits for belongs to no query, in seconds: a query is asked again for an
/// hour at most.
const NONCE_S: f64 = 86_400.0;

/// Removes the queries and reports that need not be kept any more.
#[derive(Debug)]
pub struct ReportSweep {
    queries: Queries,
    keep_s: f64,
    place: ObjectId,
}

impl ReportSweep {
    /// Makes a sweep that keeps queries and reports for this many seconds.
    pub fn new(queries: &Queries, keep_s: f64) -> Self {
        Self {
            queries: queries.clone(),
            keep_s,
            place: id_at(0.0),
        }
    }

    /// Looks at some documents, at this time in Unix seconds. Returns the number of those that were removed, or `None` at
    /// the end of a pass: the next step begins another.
    pub async fn step(&mut self, now: f64) -> Result<Option<u64>, StoreError> {
        let coll = &self.queries.coll;
        let before = now - self.keep_s;
        let rows = made(self.place, id_at(before)).all(coll).await?;
        let last = rows.last().and_then(|row| row.get_object_id("_id").ok());
        let Some(last) = last else {
            self.place = id_at(0.0);
            return Ok(None);
        };
        self.place = last;
        let mut gone = Vec::new();
        let mut unnamed = Vec::new();
        for row in rows.iter().filter_map(|row| Document::try_from(row).ok()) {
            if let Some(old) = old(&row, before) {
                gone.push(old);
            } else if let Some(hash) = own(&row) {
                unnamed.push((row.get("_id").cloned().unwrap_or(Bson::Null), hash));
            }
        }
        let mut removed = bulk::delete(coll, &gone, REMOVING).await?;
        let mut ids = Vec::new();
        for (id, hash) in unnamed {
            if naming(&hash).all(coll).await?.is_empty() {
                ids.push(id);
            }
        }
        removed += self.remove_unnamed(&ids).await?;
        Ok(Some(removed))
    }

    /// Removes instances that no query names, and puts those back that a query has come to name in the meantime.
    async fn remove_unnamed(&self, ids: &[Bson]) -> Result<u64, StoreError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let coll = &self.queries.coll;
        let find = Find::new(LOOKING, ID, doc! {"_id": {"$in": ids}});
        let documents: Vec<RawDocumentBuf> = find.all(coll).await?;
        let gone: Vec<Document> = ids.iter().map(|id| doc! {"_id": id}).collect();
        let removed = bulk::delete(coll, &gone, REMOVING).await?;
        let mut back = Vec::new();
        for document in documents {
            let hash = document.get_str("_hash").unwrap_or_default().to_owned();
            if !naming(&hash).all(coll).await?.is_empty() {
                back.push(document);
            }
        }
        bulk::insert_whole(coll, &back, BACK).await?;
        Ok(removed - back.len() as u64)
    }
}

/// Returns the condition by which an old query, report or nonce is removed, unless it was written again.
fn old(row: &Document, before: f64) -> Option<Document> {
    let id = row.get("_id")?;
    let (itype, sub_type) = (row.get_str("itype").ok()?, row.get_str("sub_type").ok()?);
    match (itype, sub_type) {
        ("report", _) => {
            let at = row.get("timestamp")?;
            (number(at)? < before).then(|| doc! {"_id": id, "timestamp": at})
        }
        ("object", "query") => {
            let asked = row.get(ASKED).and_then(number);
            let made = row.get_document("data").ok()?.get_array("timestamp").ok()?;
            let at = asked.or_else(|| number(made.first()?))?;
            let unchanged = row.get(ASKED).cloned();
            let unchanged = unchanged.unwrap_or_else(|| doc! {"$exists": false}.into());
            (at < before).then(|| doc! {"_id": id, ASKED: unchanged})
        }
        ("attribute", "nonce") => {
            let text = row.get_str("text").ok()?;
            let old = row.get_object_id("_id").ok()? < id_at(before - NONCE_S);
            (old && !text.is_empty()).then(|| doc! {"_id": id})
        }
        _ => None,
    }
}

/// Returns the hash of an instance that belongs to one query, or few.
fn own(row: &Document) -> Option<String> {
    let node = matches!(row.get_str("itype").ok()?, "attribute" | "object");
    let own = node && OWN.contains(&row.get_str("sub_type").ok()?);
    own.then(|| row.get_str("_hash").ok().map(str::to_owned))?
}

fn number(value: &Bson) -> Option<f64> {
    match value {
        Bson::Double(number) => Some(*number),
        Bson::Int32(number) => Some(f64::from(*number)),
        Bson::Int64(number) => Some(*number as f64),
        _ => None,
    }
}

/// Finds the next documents that were made between these ids.
pub(crate) fn made(place: ObjectId, until: ObjectId) -> Find {
    let is_nonce = doc! {"$eq": ["$sub_type", "nonce"]};
    Find::new(LOOKING, ID, doc! {"_id": {"$gt": place, "$lt": until}})
        .project(doc! {
            "itype": 1, "sub_type": 1, "_hash": 1, "timestamp": 1, ASKED: 1, "data.timestamp": 1,
            "text": {"$cond": [is_nonce, "$data", "$$REMOVE"]},
        })
        .sort(doc! {"_id": 1})
        .limit(STEP)
}

/// Finds a query that names this instance.
pub(crate) fn naming(hash: &str) -> Find {
    Find::new(NAMED, QUERY_TURN, doc! {"sub_type": "query", "_cref": hash})
        .project(doc! {"_id": 1})
        .limit(1)
}
