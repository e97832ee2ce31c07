//! Writing sessions. The parts of a session make the same document in any order.

use bson::{Document, doc};
use tahoe_core::Session;

use crate::archive::ids::SessionId;
use crate::archive::missing::{Rejected, Written};
use crate::archive::stored;
use crate::error::{Doing, StoreError};
use crate::graph::write::batch::PartOfSession;
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::Documents;

const DOING: &str = "merging sessions";

/// Merges parts of sessions into the documents of these sessions, by the update that `merge` makes of each. A session does
/// not list its events, so a part without news about its times changes no document that exists.
pub(super) async fn write(
    coll: &Documents,
    sessions: &[(&SessionId, &PartOfSession)],
    merge: impl Fn(&SessionId, &Session, &str) -> Result<Update, StoreError>,
) -> Result<Written, StoreError> {
    let updates: Vec<Update> = sessions
        .iter()
        .map(|(id, part)| merge(id, &part.session, part.orgid.as_str()))
        .collect::<Result<_, StoreError>>()?;
    let updated = bulk::update(coll, &updates, DOING).await?;
    let rejected = updated.failures.into_iter().map(|failure| Rejected {
        hash: sessions[failure.index].1.session.hash(),
        reason: failure.message,
    });
    Ok(Written {
        inserted: updated.upserted,
        existing: updated.matched,
        rejected: rejected.collect(),
        new_events: Vec::new(),
    })
}

/// Whether a part says when the session began or ended.
pub(super) fn has_times(session: &Session) -> bool {
    let times = [session.start_time(), session.end_time(), session.duration()];
    times.iter().any(Option::is_some)
}

/// Makes the update that merges a part. Updates of several parts give the same document in any order.
pub(crate) fn merge(id: &SessionId, session: &Session, orgid: &str) -> Result<Update, StoreError> {
    let mut document = session_document(id, session, orgid)?;
    // these are merged below, and an update must not name a field twice
    ["_id", "start_time", "end_time", "duration"]
        .iter()
        .for_each(|name| drop(document.remove(name)));
    // a session that nothing names, and that the sweep is about to delete, stays
    let mut update = doc! {"$setOnInsert": document, "$unset": {"_going": ""}};
    if let Some(start) = session.start_time() {
        update.insert("$min", doc! {"start_time": start.get()});
    }
    let mut latest = Document::new();
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
        filter: doc! {"_id": id.bson()},
        update: update.into(),
        upsert: true,
    })
}

/// Returns the document of a session.
pub(crate) fn session_document(
    id: &SessionId,
    session: &Session,
    orgid: &str,
) -> Result<Document, StoreError> {
    let wrong = |message| StoreError::Write {
        doing: DOING,
        code: 0,
        message,
    };
    let document = stored::session(id, session, orgid).map_err(wrong)?;
    Document::try_from(&document).doing(DOING)
}
