//! Claiming queries: one atomic update takes one query, so that two report daemons never answer the same.
//!
//! Users take turns. A daemon goes through the users who have queries waiting in the order of their hashes, and takes the
//! one of each that waits longest, so who asks a thousand questions waits behind who asks one. The index `query_turn`
//! holds them in that order, so a claim reads one key, however many wait. Queries of a Python API do not name their user
//! where the index can, and have one turn together.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, Hint, ReturnDocument, WriteConcern};
use tahoe_core::{Query, Status, Value};

use crate::error::StoreError;
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::from_document;
use crate::mongo::find::Find;
use crate::mongo::indexes::QUERY_TURN;
use crate::mongo::row::{is_of_the_document, remains, row, within};
use crate::queries::fields::{ASKED, LAST, MAC, REDO, SOCKET_MAC, USER};
use crate::queries::queue::Queries;
use crate::queries::status::{in_status, moved};

const CLAIMING: &str = "claiming a query";
/// The largest query, in bytes.
const QUERY_BYTES: usize = 4 << 20;
/// The fields of a query that are read.
const FIELDS: [&str; 12] = [
    "itype", "sub_type", "data", "_cref", "_ref", "_hash", USER, MAC, SOCKET_MAC, REDO, ASKED, LAST,
];
/// The most documents that one claim sets aside. The next claim goes on.
const ASIDE: usize = 100;

/// A query that this daemon has claimed. No other daemon answers it in the meantime.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// MongoDB's id.
    pub(super) id: Bson,
    /// Distinguishes this claim from later ones of the same query.
    pub(super) token: ObjectId,
    /// The query, or the reason why the document is none.
    pub query: Result<Query, String>,
    /// The hash of the user whose turn it was; empty for a query of a Python API.
    pub user: String,
    /// The authentication code of the question, if it has one.
    pub mac: Option<String>,
    /// The authentication code of the socket, if it has one.
    pub socket_mac: Option<String>,
    /// Whether the query must be answered anew, even if an answer is remembered.
    pub redo: bool,
    /// The time at which the query was last put to wait, in Unix seconds, if it had been answered before. The query's
    /// own timestamp is that of the first time.
    pub asked_again: Option<f64>,
}

/// The turn of a daemon: the user who came last, and the users whose queries must wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turn<'a> {
    /// The hash of the user whose query was claimed last.
    pub after: &'a str,
    /// The hashes of users who have as many queries at work as one user may.
    pub busy: &'a [String],
}

impl Queries {
    /// Claims the query of the next user that waits longest, or one whose daemon let its lease end.
    ///
    /// A document that cannot be claimed, since it is too large or has values that no index takes, is set aside: nothing
    /// is left of it but its id and the reason.
    pub async fn claim(
        &self,
        lease: Duration,
        turn: Turn<'_>,
    ) -> Result<Option<Claimed>, StoreError> {
        let mut unfit = 0;
        for find in [next(turn), waiting(turn.busy), abandoned()] {
            loop {
                match self.take(&find, lease).await {
                    Ok(None) => break,
                    Ok(claimed) => return Ok(claimed),
                    Err(error) if error.code().is_some_and(is_of_the_document) && unfit < ASIDE => {
                        unfit += 1;
                        self.set_aside(&find, &error).await?;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(None)
    }

    async fn take(&self, find: &Find, lease: Duration) -> Result<Option<Claimed>, StoreError> {
        let token = ObjectId::new();
        let claim = self.coll.named(CLAIMING);
        let claim = claim.find_one_and_update(find.filter.clone(), vec![taken(token, lease)]);
        let claim = claim.with(|claim| {
            claim
                .sort(order())
                .hint(Hint::Name(find.hint.to_owned()))
                .projection(within(&FIELDS, QUERY_BYTES))
                .return_document(ReturnDocument::After)
                // if a fail-over loses the claim, one answer is made in vain: `finish` checks the token
                .write_concern(WriteConcern::from(Acknowledgment::Nodes(1)))
        });
        let document = claim.send().await?;
        Ok(document.map(|document| Claimed::of(&document, token)))
    }

    async fn set_aside(&self, find: &Find, error: &StoreError) -> Result<(), StoreError> {
        let find = find.clone().project(doc! {"_id": 1}).sort(order()).limit(1);
        for document in find.all(&self.coll).await? {
            let id = document.get("_id").ok().flatten();
            let Some(id) = id.and_then(|id| Bson::try_from(id.to_owned()).ok()) else {
                continue;
            };
            tracing::warn!(%error, %id, "a query cannot be claimed: set aside");
            let update = Update {
                filter: doc! {"_id": id},
                update: aside(&error.to_string()),
                upsert: false,
            };
            let updated = bulk::update(&self.coll, &[update], CLAIMING).await?;
            updated.whole(CLAIMING)?;
        }
        Ok(())
    }

    /// Renews the claims for another lease, and returns how many still belong to this daemon.
    pub async fn renew(&self, claims: &[Claimed], lease: Duration) -> Result<u64, StoreError> {
        let updates: Vec<Update> = claims
            .iter()
            .map(|claim| Update {
                filter: claim.ours(),
                update: vec![doc! {"$set": {"_lease.until": until(lease)}}].into(),
                upsert: false,
            })
            .collect();
        let renewed = bulk::update(&self.coll, &updates, "renewing claims").await?;
        Ok(renewed.matched)
    }
}

impl Claimed {
    fn of(document: &RawDocumentBuf, token: ObjectId) -> Self {
        let row = row::<Document>(document);
        let text = |field| document.get_str(field).ok().map(str::to_owned);
        let query = row.read.and_then(|_| from_document::<Value>(document));
        let answered = document.get(LAST).is_ok_and(|last| last.is_some());
        let asked_again = document.get_f64(ASKED).ok();
        Self {
            id: row.id,
            token,
            user: text(USER).unwrap_or_default(),
            mac: text(MAC),
            socket_mac: text(SOCKET_MAC),
            redo: document.get_bool(REDO).unwrap_or(false),
            asked_again: asked_again.filter(|_| answered),
            query: query.and_then(|value| Query::from_document(&value).map_err(|e| e.to_string())),
        }
    }

    /// Matches the query while this claim holds.
    pub(super) fn ours(&self) -> Document {
        doc! {"_id": &self.id, "_lease.token": self.token}
    }
}

/// Makes the update that leaves of a document its id, and the reason why it was set aside.
pub(super) fn aside(reason: &str) -> Bson {
    let failed = Status::Failed.attribute().hash().to_string();
    remains(doc! {
        // the id stands for the hash, which is unique
        "itype": "object", "sub_type": "query", "_hash": "$_id", "_cref": [failed],
        "_error": {"$literal": reason},
    })
}

fn until(lease: Duration) -> Document {
    doc! {"$add": ["$$NOW", lease.as_millis() as i64]}
}

/// The pipeline stage that claims a query, whatever its other fields are.
pub(crate) fn taken(token: ObjectId, lease: Duration) -> Document {
    let mut set = moved(Status::Wait, Status::Processing);
    // as an expression it replaces whatever stands there; as a document it would be merged into the items of an array
    let lease = doc! {"$mergeObjects": [{"token": token, "until": until(lease)}]};
    set.insert("_lease", lease);
    doc! {"$set": set}
}

/// The order in which queries are taken, which is that of the index.
fn order() -> Document {
    doc! {USER: 1, ASKED: 1, "_id": 1}
}

/// Finds the waiting queries of users after the last one.
pub(crate) fn next(turn: Turn<'_>) -> Find {
    of_users(doc! {"$gt": turn.after, "$nin": turn.busy})
}

/// Finds the waiting queries of all users, and those without one.
pub(crate) fn waiting(busy: &[String]) -> Find {
    of_users(doc! {"$gte": Bson::MinKey, "$nin": busy})
}

fn of_users(users: Document) -> Find {
    let mut filter = in_status(Status::Wait);
    filter.insert(USER, users);
    Find::new(CLAIMING, QUERY_TURN, filter)
        .sort(order())
        .limit(1)
}

/// Finds claimed queries whose lease has ended. Their number is bounded by the queries that the daemons answer at once.
pub(crate) fn abandoned() -> Find {
    let mut filter = in_status(Status::Processing);
    filter.insert("$expr", doc! {"$lt": ["$_lease.until", "$$NOW"]});
    Find::new(CLAIMING, QUERY_TURN, filter)
        .sort(order())
        .limit(1)
}
