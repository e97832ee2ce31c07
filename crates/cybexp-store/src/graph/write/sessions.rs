//! Writing sessions. The parts of a session make the same document in any order.

use bson::doc;
use tahoe_core::Session;

use crate::archive::missing::{Rejected, Written};
use crate::error::{Doing, StoreError};
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::Documents;

/// Merges parts of sessions into the documents of these sessions.
pub(super) async fn write(
    coll: &Documents,
    sessions: impl Iterator<Item = &Session>,
) -> Result<Written, StoreError> {
    let mut sessions: Vec<&Session> = sessions.collect();
    sessions.sort_unstable_by_key(|session| session.hash());
    let updates: Vec<Update> = sessions
        .iter()
        .map(|session| merge(session))
        .collect::<Result<_, StoreError>>()?;
    let updated = bulk::update(coll, &updates, "merging sessions").await?;
    let rejected = updated.failures.into_iter().map(|failure| Rejected {
        hash: sessions[failure.index].hash(),
        reason: failure.message,
    });
    Ok(Written {
        inserted: updated.upserted,
        existing: updated.matched,
        rejected: rejected.collect(),
    })
}

/// Makes the update that merges a part. Updates of several parts give the same document in any order.
pub(crate) fn merge(session: &Session) -> Result<Update, StoreError> {
    let doing = "merging sessions";
    let data = bson::serialize_to_bson(session.children()).doing(doing)?;
    let refs = bson::serialize_to_bson(&session.refs()).doing(doing)?;
    let cref = bson::serialize_to_bson(session.children().cref()).doing(doing)?;
    let mut update = doc! {
        "$setOnInsert": {
            "itype": "session", "sub_type": session.sub_type().as_str(), "data": data, "_cref": cref,
        },
        "$addToSet": {"_ref": {"$each": refs}},
    };
    if let Some(start) = session.start_time() {
        update.insert("$min", doc! {"start_time": start.get()});
    }
    let mut latest = bson::Document::new();
    if let Some(end) = session.end_time() {
        latest.insert("end_time", end.get());
    }
    if let Some(duration) = session.duration() {
        latest.insert("duration", duration.get());
    }
    if !latest.is_empty() {
        update.insert("$max", latest);
    }
    Ok(Update {
        filter: doc! {"_hash": session.hash().to_string()},
        update: update.into(),
        upsert: true,
    })
}
