//! The queue of queries.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, Hint, ReturnDocument, WriteConcern};
use tahoe_core::{Hash, Instance, Node, Object, Query, Report, Status, Value};

use crate::error::{Doing, StoreError};
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::{Documents, from_document, to_document};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::{self, IDENTITY, QUERY_CREF};
use crate::mongo::server::Server;
use crate::mongo::watch::Watch;

/// Queries and reports: `report_db.instance`.
#[derive(Debug, Clone)]
pub struct Queries {
    pub(crate) coll: Documents,
}

/// A query that this daemon has claimed. No other daemon answers it in the meantime.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// MongoDB's id.
    id: ObjectId,
    /// Distinguishes this claim from later ones of the same query.
    token: ObjectId,
    /// The query, or the reason why the document is none.
    pub query: Result<Query, String>,
    /// Whether the query must be answered anew, even if an answer is remembered.
    pub redo: bool,
    /// The time at which the query was last put to wait, in Unix seconds, if it had been answered before. The query's
    /// own timestamp is that of the first time.
    pub asked_again: Option<f64>,
}

/// The result of a query.
#[derive(Debug)]
pub enum Answer {
    /// The report.
    Ready(Box<Report>),
    /// The query failed, for this reason.
    Failed(String),
}

impl Queries {
    /// Opens the collection and makes its indexes.
    pub async fn open(server: &Server, db: &str, coll: &str) -> Result<Self, StoreError> {
        let coll = server.collection(db, coll);
        indexes::ensure(&coll, &indexes::queries()).await?;
        let queries = Self { coll };
        // every hash in a query's `_cref` must be a document; those of the statuses are stored here
        let statuses = [
            Status::Wait,
            Status::Processing,
            Status::Ready,
            Status::Failed,
        ];
        let statuses = statuses.map(|status| Node::from(status.attribute()));
        queries.insert_nodes(statuses.to_vec()).await?;
        Ok(queries)
    }

    /// Returns a watch that wakes when a query may be waiting.
    pub fn watch(&self) -> Watch {
        let of = doc! {"operationType": {"$in": ["insert", "update", "replace"]}};
        Watch::new(self.coll.clone(), of)
    }

    /// Stores queries in their status. A query replaces the same question of the same hour. The last answer stays
    /// beside a query that is asked again, for those who still wait for it.
    pub async fn put(&self, queries: &[Query]) -> Result<(), StoreError> {
        self.put_all(queries, &[]).await
    }

    /// Stores queries as [`Self::put`] does. Those of the hashes `redone` must be answered anew, even if an answer is
    /// remembered.
    pub async fn put_all(&self, queries: &[Query], redone: &[Hash]) -> Result<(), StoreError> {
        let doing = "storing queries";
        let wrong = |message: String| StoreError::Write {
            doing,
            code: 0,
            message,
        };
        let mut nodes = Vec::new();
        let mut updates = Vec::new();
        for query in queries {
            let object = query
                .to_object()
                .map_err(|error| wrong(error.to_string()))?;
            nodes.extend(descendants(&object));
            let document = to_document(&object).map_err(wrong)?;
            let mut set = Document::try_from(&document).doing(doing)?;
            set.insert(ASKED, unix_now());
            let mut unset = doc! {"_lease": "", "_error": ""};
            match redone.contains(&object.hash()) {
                true => set.insert(REDO, true),
                false => unset.insert(REDO, ""),
            };
            updates.push(Update {
                filter: doc! {"_hash": object.hash().to_string()},
                update: doc! {"$set": set, "$unset": unset}.into(),
                upsert: true,
            });
        }
        self.insert_nodes(nodes).await?;
        let updated = bulk::update(&self.coll, &updates, doing).await?;
        updated.whole(doing).map(drop)
    }

    /// Claims the oldest waiting query, or one whose daemon let its lease end. A single atomic update does so, so that
    /// two daemons never claim the same query.
    pub async fn claim(&self, lease: Duration) -> Result<Option<Claimed>, StoreError> {
        let doing = "claiming a query";
        let token = ObjectId::new();
        for find in [waiting(), abandoned()] {
            let claim = self.coll.named(doing);
            let claim = claim.find_one_and_update(find.filter, vec![taken(token, lease)]);
            let claim = claim.with(|claim| {
                claim
                    .sort(doc! {"_id": 1})
                    .hint(Hint::Name(find.hint.to_owned()))
                    .return_document(ReturnDocument::After)
                    // if a fail-over loses the claim, one answer is made in vain: `finish` checks the token
                    .write_concern(WriteConcern::from(Acknowledgment::Nodes(1)))
            });
            let document = claim.send().await?;
            if let Some(document) = document {
                let query = from_document::<Value>(&document)
                    .and_then(|value| Query::from_document(&value).map_err(|e| e.to_string()));
                let answered = document.get(LAST).is_ok_and(|last| last.is_some());
                let asked_again = document.get_f64(ASKED).ok();
                return Ok(Some(Claimed {
                    asked_again: asked_again.filter(|_| answered),
                    id: document.get_object_id("_id").unwrap_or_default(),
                    token,
                    query,
                    redo: document.get_bool(REDO).unwrap_or(false),
                }));
            }
        }
        Ok(None)
    }

    /// Renews the claims for another lease, and returns how many still belong to this daemon.
    pub async fn renew(&self, claims: &[Claimed], lease: Duration) -> Result<u64, StoreError> {
        let updates: Vec<Update> = claims
            .iter()
            .map(|claim| Update {
                filter: doc! {"_id": claim.id, "_lease.token": claim.token},
                update: vec![doc! {"$set": {"_lease.until": until(lease)}}].into(),
                upsert: false,
            })
            .collect();
        let renewed = bulk::update(&self.coll, &updates, "renewing claims").await?;
        Ok(renewed.matched)
    }

    /// Writes the answer and ends the claim. Returns false if the claim was lost to another daemon, whose answer is
    /// kept.
    pub async fn finish(&self, claim: &Claimed, answer: &Answer) -> Result<bool, StoreError> {
        let doing = "answering a query";
        let (report, reason) = match (answer, &claim.query) {
            (Answer::Ready(report), _) => match to_document(report) {
                Ok(document) => (Some((report.hash(), document)), None),
                Err(reason) => refusal(&claim.query, format!("the report: {reason}")),
            },
            (Answer::Failed(reason), query) => refusal(query, reason.clone()),
        };
        let status = match reason {
            None => Status::Ready,
            Some(_) => Status::Failed,
        };
        let mut own = Bson::from("$$REMOVE");
        let mut last = own.clone();
        let report_id = report.as_ref().map(|(hash, _)| *hash);
        let write = async {
            let Some((hash, document)) = report else {
                return Ok(());
            };
            let document = Document::try_from(&document).doing(doing)?;
            let mut fields = document.clone();
            SHARED.iter().for_each(|field| drop(fields.remove(field)));
            own = doc! {"$literal": fields}.into();
            let failed = status == Status::Failed;
            last = doc! {
                "token": claim.token, "report": hash.to_string(), "failed": failed,
                "finished": unix_now(),
            }
            .into();
            self.put_report(hash, document).await
        };
        let change = async {
            match &claim.query {
                Ok(query) => self.changed(&query.changed(status, report_id)).await,
                Err(_) => Ok(moved(Status::Processing, status)),
            }
        };
        let ((), mut set) = futures::try_join!(write, change)?;
        // a pipeline would read text that begins with a dollar sign as a field
        let error = reason.map_or(Bson::from("$$REMOVE"), |e| doc! {"$literal": e}.into());
        set.insert("_error", error);
        set.insert("_lease", "$$REMOVE");
        set.insert(REDO, "$$REMOVE");
        set.insert(ASKED, "$$REMOVE");
        set.insert(OWN, own);
        set.insert(LAST, last);
        let ours = doc! {"_id": claim.id, "_lease.token": claim.token};
        let answered = self.coll.named(doing);
        let answered = answered.update_one(ours, vec![doc! {"$set": set}]);
        Ok(answered.send().await?.matched_count == 1)
    }

    /// Returns a query or report by its hash.
    pub async fn document(&self, hash: Hash) -> Result<Option<Value>, StoreError> {
        let find = by_hash(&[hash.to_string()])
            .project(doc! {"_id": 0})
            .limit(1);
        Ok(find.read(&self.coll).await?.pop())
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
        let doing = "answering a query";
        let object = query.to_object().map_err(|error| StoreError::Write {
            doing,
            code: 0,
            message: error.to_string(),
        })?;
        self.insert_nodes(descendants(&object)).await?;
        let document = bson::serialize_to_document(&object).doing(doing)?;
        let literal = |field: &str| doc! {"$literal": document.get(field).cloned()};
        Ok(doc! {"data": literal("data"), "_cref": literal("_cref"), "_ref": literal("_ref")})
    }

    async fn insert_nodes(&self, nodes: Vec<Node>) -> Result<(), StoreError> {
        let doing = "writing what queries refer to";
        let mut missing: std::collections::BTreeMap<String, Node> = nodes
            .into_iter()
            .map(|node| (node.hash().to_string(), node))
            .collect();
        let hashes: Vec<String> = missing.keys().cloned().collect();
        for part in hashes.chunks(ASK) {
            let find = by_hash(part).project(doc! {"_id": 0, "_hash": 1});
            let mut rows = find.rows(&self.coll).await?;
            while let Some(row) = rows.next().await? {
                missing.remove(row.get_str("_hash").unwrap_or_default());
            }
        }
        let documents: Vec<RawDocumentBuf> = missing
            .into_values()
            .map(|node| to_document(&Instance::from(node)))
            .collect::<Result<_, _>>()
            .map_err(|message| StoreError::Write {
                doing,
                code: 0,
                message,
            })?;
        bulk::insert_whole(&self.coll, &documents, doing).await
    }
}

/// Fields of a report that follow from its hash, and the hash. Reports of equal data have one hash and are one
/// document, written for the last of their queries. So each query keeps the other fields of its report in [`OWN`].
pub(crate) const SHARED: [&str; 4] = ["itype", "sub_type", "data", "_hash"];
/// Field of a query with the fields of its report that are not in [`SHARED`].
pub(crate) const OWN: &str = "_report";
/// Field of a query with its last answer: the claim that made it, and its report.
pub(crate) const LAST: &str = "_last";
/// Field that marks a query to be answered anew.
const REDO: &str = "_redo";
/// Field of a waiting query with the time at which it was put to wait, in Unix seconds.
const ASKED: &str = "_asked";

/// Returns the seconds since 1970.
fn unix_now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// Makes the report of a failed query, with the reason. There is no report if the document is no query.
fn refusal(
    query: &Result<Query, String>,
    reason: String,
) -> (Option<(Hash, RawDocumentBuf)>, Option<String>) {
    let report = query.as_ref().ok().and_then(|query| {
        let userid = query.userid.clone();
        let report = Report::refusal(&query.qtype, userid, query.timestamp, &reason).ok()?;
        Some((report.hash(), to_document(&report).ok()?))
    });
    (report, Some(reason))
}

fn descendants(object: &Object) -> Vec<Node> {
    let mut nodes = Vec::new();
    for node in object.children().iter() {
        if let Node::Object(child) = node {
            nodes.extend(descendants(child));
        }
        nodes.push(node.clone());
    }
    nodes
}

fn until(lease: Duration) -> Document {
    doc! {"$add": ["$$NOW", lease.as_millis() as i64]}
}

/// The pipeline stage that claims a query, whatever its other fields are.
pub(crate) fn taken(token: ObjectId, lease: Duration) -> Document {
    let mut set = moved(Status::Wait, Status::Processing);
    set.insert("_lease", doc! {"token": token, "until": until(lease)});
    doc! {"$set": set}
}

/// Makes the change of status that does not need the document to be read first.
fn moved(from: Status, to: Status) -> Document {
    let [from, hash] = [from, to].map(|status| status.attribute().hash().to_string());
    let changed = |field: &str| {
        // a value other than an array would fail the update, and so stop the queue
        let hashes = doc! {"$cond": [{"$isArray": field}, field, []]};
        let rest = doc! {"$setDifference": [hashes, [&from]]};
        doc! {"$setUnion": [rest, [&hash]]}
    };
    doc! {"data.status": [to.as_str()], "_cref": changed("$_cref"), "_ref": changed("$_ref")}
}

fn in_status(status: Status) -> Document {
    let hash = status.attribute().hash().to_string();
    doc! {"sub_type": "query", "_cref": hash, "_id": {"$type": "objectId"}}
}

pub(crate) fn waiting() -> Find {
    let find = Find::new("claiming a query", QUERY_CREF, in_status(Status::Wait));
    find.sort(doc! {"_id": 1}).limit(1)
}

/// Finds claimed queries whose lease has ended. Their number is bounded by the queries that the daemons answer at once.
pub(crate) fn abandoned() -> Find {
    let mut filter = in_status(Status::Processing);
    filter.insert("$expr", doc! {"$lt": ["$_lease.until", "$$NOW"]});
    Find::new("claiming a query", QUERY_CREF, filter)
        .sort(doc! {"_id": 1})
        .limit(1)
}

pub(crate) fn by_hash(hashes: &[String]) -> Find {
    let filter = doc! {"_hash": {"$in": hashes}};
    Find::new("reading queries and reports", IDENTITY, filter)
}
