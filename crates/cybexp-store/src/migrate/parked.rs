//! Sessions of which no event exists, such as one of which only the end was seen. The raws that list such a session tell
//! its organisation; until they are read, it stands in the collection that holds the place of the migration.

use std::collections::HashMap;

use bson::{RawDocumentBuf, doc};
use tahoe_core::{Hash, Instance, Session};

use crate::archive::ids;
use crate::error::{Doing, StoreError};
use crate::migrate::check::Checked;
use crate::migrate::plan::put;
use crate::migrate::state::STATE;
use crate::mongo::bulk::Update;
use crate::mongo::collection::{Documents, from_document};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;
use crate::mongo::json;

/// The most sessions that are listed.
pub(super) const LISTED: u64 = 20;

const LOOKING: &str = "looking up sessions without events";

/// A session without an organisation.
#[derive(Debug, serde::Deserialize)]
struct Row {
    session: RawDocumentBuf,
}

/// Makes the update that sets a session aside.
pub(super) fn park(document: &Checked, session: &Session) -> Result<Update, StoreError> {
    let id = ids::of_hash(session.hash());
    let session = bson::serialize_to_document(session).doing(LOOKING)?;
    // of several documents with this hash, the last one stays: they differ in their times at most
    Ok(put(
        id,
        doc! {"session": {"$literal": session}, "old": document.id(), "claimed": false},
    ))
}

/// Makes the update that records that a raw told the organisation.
pub(super) fn claim(session: Hash) -> Update {
    put(ids::of_hash(session), doc! {"claimed": true})
}

/// Returns those of the hashes that are sessions which were set aside.
pub(super) async fn find(
    beside: &Documents,
    hashes: &[Hash],
) -> Result<HashMap<Hash, Session>, StoreError> {
    let mut found = HashMap::new();
    for part in hashes.chunks(ASK) {
        let filter = doc! {"_id": {"$in": ids::of_hashes(part)}};
        for row in Find::new(LOOKING, ID, filter).all(beside).await? {
            if let Some(session) = session_of(&row) {
                found.insert(session.hash(), session);
            }
        }
    }
    Ok(found)
}

fn session_of(row: &RawDocumentBuf) -> Option<Session> {
    let row: Row = from_document(row).ok()?;
    let value = json::value(bson::RawBsonRef::Document(&row.session)).ok()?;
    match Instance::rebuild(&value).ok()?.instance {
        Instance::Session(session) => Some(session),
        _ => None,
    }
}

/// Returns the number of sessions whose organisation no raw told, or did, and the first old ids.
pub(super) async fn count(
    beside: &Documents,
    claimed: bool,
) -> Result<(u64, Vec<String>), StoreError> {
    let of = || doc! {"_id": {"$ne": STATE}, "claimed": claimed};
    let count = Find::new(LOOKING, ID, of()).count(beside).await?;
    let rows = Find::new(LOOKING, ID, of())
        .limit(LISTED as i64)
        .all(beside)
        .await?;
    let ids = rows
        .iter()
        .filter_map(|row| Some(row.get_str("old").ok()?.to_owned()));
    Ok((count, ids.collect()))
}

/// Deletes them all.
pub(super) async fn clear(beside: &Documents) -> Result<(), StoreError> {
    let all = beside.named("forgetting sessions without events");
    let all = all.delete_many(doc! {"_id": {"$ne": STATE}});
    all.send().await.map(drop)
}
