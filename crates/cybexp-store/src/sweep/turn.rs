//! The turn to sweep: of several processes, one sweeps an archive at a time.

use std::time::Duration;

use bson::doc;
use bson::oid::ObjectId;
use mongodb::options::ReturnDocument;

use crate::error::StoreError;
use crate::mongo::collection::Documents;

const TAKING: &str = "taking the turn to sweep";

/// `_id` of the document that names the process whose turn it is.
const TURN: &str = "turn";
/// Time for which a process has the turn after a step. Two that sweep at once do no harm but work.
const KEPT: Duration = Duration::from_secs(120);

/// Takes or keeps the turn for the process of this token. Returns whether it has it.
pub(crate) async fn take(going: &Documents, token: ObjectId) -> Result<bool, StoreError> {
    let is_free = doc! {"$not": [{"$gt": ["$until", "$$NOW"]}]};
    let ours = doc! {"$or": [is_free, {"$eq": ["$token", token]}]};
    let until = doc! {"$add": ["$$NOW", KEPT.as_millis() as i64]};
    let set = vec![doc! {"$set": {
        "token": {"$cond": [&ours, token, "$token"]},
        "until": {"$cond": [&ours, until, "$until"]},
    }}];
    let update = going
        .named(TAKING)
        .find_one_and_update(doc! {"_id": TURN}, set);
    let update = update.with(|update| update.upsert(true).return_document(ReturnDocument::After));
    let row = update.send().await?;
    Ok(row.is_some_and(|row| {
        row.get_object_id("token")
            .is_ok_and(|holder| holder == token)
    }))
}
