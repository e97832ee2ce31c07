//! The queue of questions and their answers.

use std::collections::HashMap;
use std::time::Duration;

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

/// A query that this daemon has taken, and no other answers meanwhile.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// MongoDB's id.
    id: ObjectId,
    /// Tells this claim from a later one of the same query.
    token: ObjectId,
    /// The query, or why the document is none.
    pub query: Result<Query, String>,
}

/// What became of a query.
#[derive(Debug)]
pub enum Answer {
    /// The report.
    Ready(Report),
    /// Why there is none.
    Failed(String),
}

impl Queries {
    /// Opens the collection and makes its indexes.
    pub async fn open(server: &Server, db: &str, coll: &str) -> Result<Self, StoreError> {
        let coll = server.collection(db, coll);
        indexes::ensure(&coll, &indexes::queries()).await?;
        let queries = Self { coll };
        // every hash in a query's `_cref` is a document; the statuses are so from the start
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

    /// Wakes when a query may be waiting.
    pub fn watch(&self) -> Watch {
        let of = doc! {"operationType": {"$in": ["insert", "update", "replace"]}};
        Watch::new(self.coll.clone(), of)
    }

    /// Stores queries in the status that they have, in place of the same questions of the same hour.
    pub async fn put(&self, queries: &[Query]) -> Result<(), StoreError> {
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
            updates.push(Update {
                filter: doc! {"_hash": object.hash().to_string()},
                update: Document::try_from(&document).doing(doing)?.into(),
                upsert: true,
            });
        }
        self.insert_nodes(nodes).await?;
        let updated = bulk::update(&self.coll, &updates, doing).await?;
        updated.whole(doing).map(drop)
    }

    /// Takes a waiting query, oldest first, or one whose daemon let its lease end, with one atomic update:
    /// two daemons never take the same.
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
                    // a claim that a fail-over loses is one more answer made in vain: `finish` asks for the token
                    .write_concern(WriteConcern::from(Acknowledgment::Nodes(1)))
            });
            let document = claim.send().await?;
            if let Some(document) = document {
                let query = from_document::<Value>(&document)
                    .and_then(|value| Query::from_document(&value).map_err(|e| e.to_string()));
                return Ok(Some(Claimed {
                    id: document.get_object_id("_id").unwrap_or_default(),
                    token,
                    query,
                }));
            }
        }
        Ok(None)
    }

    /// Keeps the claims for another lease; gives how many are still ours.
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

    /// Writes the answer and ends the claim. False: the claim was lost to another daemon, whose answer holds.
    pub async fn finish(&self, claim: &Claimed, answer: &Answer) -> Result<bool, StoreError> {
        let doing = "answering a query";
        let mut own = Document::new();
        let (status, report_id, error) = match answer {
            Answer::Ready(report) => match to_document(report) {
                Ok(document) => {
                    let document = Document::try_from(&document).doing(doing)?;
                    let fields = OWN.iter().filter_map(|field| {
                        Some((field.to_string(), document.get(field)?.clone()))
                    });
                    own.extend(fields);
                    self.put_report(report.hash(), document).await?;
                    (Status::Ready, Some(report.hash()), None)
                }
                Err(reason) => (Status::Failed, None, Some(format!("the report: {reason}"))),
            },
            Answer::Failed(reason) => (Status::Failed, None, Some(reason.clone())),
        };
        let mut set = match &claim.query {
            Ok(query) => self.changed(&query.changed(status, report_id)).await?,
            Err(_) => moved(Status::Processing, status),
        };
        // a pipeline reads text that begins with a dollar sign as a field
        let error = error.map_or(Bson::from("$$REMOVE"), |e| doc! {"$literal": e}.into());
        set.insert("_error", error);
        set.insert("_lease", "$$REMOVE");
        let own = match own.is_empty() {
            true => Bson::from("$$REMOVE"),
            false => doc! {"$literal": own}.into(),
        };
        set.insert("_report", own);
        let ours = doc! {"_id": claim.id, "_lease.token": claim.token};
        let answered = self.coll.named(doing);
        let answered = answered.update_one(ours, vec![doc! {"$set": set}]);
        Ok(answered.send().await?.matched_count == 1)
    }

    /// A query's document as it stands, and the reason where it failed.
    pub async fn find(&self, hash: Hash) -> Result<Option<(Query, Option<String>)>, StoreError> {
        Ok(self.find_many(&[hash]).await?.remove(&hash))
    }

    /// Those of these queries that are there, each as by [`Queries::find`].
    pub async fn find_many(
        &self,
        hashes: &[Hash],
    ) -> Result<HashMap<Hash, (Query, Option<String>)>, StoreError> {
        let hashes: Vec<String> = hashes.iter().map(Hash::to_string).collect();
        let mut found = HashMap::new();
        for part in hashes.chunks(ASK) {
            let find = by_hash(part).project(doc! {"_id": 0});
            for value in find.read::<Value>(&self.coll).await? {
                let reason = value
                    .get("_error")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                let hash = value
                    .get("_hash")
                    .and_then(Value::as_str)
                    .and_then(|h| h.parse().ok());
                if let (Some(hash), Ok(query)) = (hash, Query::from_document(&value)) {
                    found.insert(hash, (query, reason));
                }
            }
        }
        Ok(found)
    }

    /// Any document of queries and reports by its hash.
    pub async fn document(&self, hash: Hash) -> Result<Option<Value>, StoreError> {
        let find = by_hash(&[hash.to_string()])
            .project(doc! {"_id": 0})
            .limit(1);
        Ok(find.read(&self.coll).await?.pop())
    }

    /// The report of the query with this hash, if it is ready.
    pub async fn report(&self, query: Hash) -> Result<Option<Value>, StoreError> {
        let Some(stored) = self.document(query).await? else {
            return Ok(None);
        };
        let report_id = Query::from_document(&stored)
            .ok()
            .and_then(|query| query.report_id);
        let Some(report_id) = report_id else {
            return Ok(None);
        };
        let mut report = self.document(report_id).await?;
        if let (Some(Value::Object(report)), Some(own)) =
            (&mut report, stored["_report"].as_object())
        {
            report.remove(CUT);
            report.extend(own.clone());
        }
        Ok(report)
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

    /// The fields of a query's document after a change, once all that it refers to is there.
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

/// What a report holds besides its data. Reports of equal data have one hash and are one document, written by
/// whoever asked last; so each query keeps these of its own, in `_report`.
const OWN: [&str; 5] = ["userid", "timestamp", "current_page", "next_page", CUT];
/// Marks a report that does not hold all; others have no such field.
const CUT: &str = "cut";

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

/// The stage that claims a query, whatever else its document holds.
pub(crate) fn taken(token: ObjectId, lease: Duration) -> Document {
    let mut set = moved(Status::Wait, Status::Processing);
    set.insert("_lease", doc! {"token": token, "until": until(lease)});
    doc! {"$set": set}
}

/// The change of status as it can be made without reading the document first.
fn moved(from: Status, to: Status) -> Document {
    let [from, hash] = [from, to].map(|status| status.attribute().hash().to_string());
    let changed = |field: &str| {
        // anything but an array would fail the update, and so stop the queue
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

/// Queries in work whose lease has ended. There are never more in work than the daemons take at once.
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
