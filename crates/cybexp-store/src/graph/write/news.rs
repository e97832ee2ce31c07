//! News of sessions: a session that got events waits for the second-stage filters that read sessions.
//!
//! A session may get events from several workers, and many never close. News sets `_due`, by the server's clock: some
//! seconds from then where the session has an end, else an hour. No worker takes the session before. So a writer that
//! marked a session a moment ago, and has written all of its events since, need not mark it again.
//!
//! A worker that ends with its work does not wait so long. It remembers the sessions that it wrote, and makes them due when
//! nothing else is left to do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use tahoe_core::Session;

use crate::archive::ids::SessionId;
use crate::error::StoreError;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::known::Known;
use crate::graph::write::sessions;
use crate::mongo::bulk::{self, COMMAND_DOCUMENTS, Update};
use crate::mongo::collection::Documents;

const MARKING: &str = "having sessions read by filters";

/// The filters of the second stage, as a writer of the graph needs to know them.
#[derive(Debug, Clone, Default)]
pub struct SecondStage {
    /// The names of the filters that read attributes.
    pub attributes: Vec<&'static str>,
    /// The names of the filters that read sessions, each with the sub_types of these sessions.
    pub sessions: Vec<(&'static str, &'static [&'static str])>,
    /// The time after news for which a session that has an end is left alone.
    pub settle: Duration,
    /// The time after news for which a session without an end is left alone.
    pub open: Duration,
    /// Whether the writer ends with its work, and waits for no session: the sessions that it wrote are due when it says so,
    /// by [`GraphWriter::sessions_are_due`](crate::GraphWriter::sessions_are_due).
    pub ends: bool,
}

impl SecondStage {
    /// Returns the names of the filters that read sessions of this sub_type.
    fn readers(&self, sub_type: &str) -> Vec<&'static str> {
        let readers = self.sessions.iter();
        readers
            .filter(|(_, sub_types)| sub_types.contains(&sub_type))
            .map(|(name, _)| *name)
            .collect()
    }

    /// Time for which a mark covers further events: well below the time after which a worker may take the session.
    fn covered(&self) -> Duration {
        self.settle.min(self.open) * 4 / 5
    }
}

/// The most sessions that a worker remembers before it makes them due, about 100 bytes each.
const MOST_WRITTEN: usize = 100_000;

/// Sessions with the names of the filters that read them.
type Readers = HashMap<SessionId, Vec<&'static str>>;

/// Marks sessions that got news.
#[derive(Debug, Clone)]
pub(super) struct News {
    pub(super) stage: SecondStage,
    marked: Known<SessionId>,
    /// The sessions that a worker which ends has written, and not made due.
    written: Arc<Mutex<Readers>>,
}

impl News {
    pub(super) fn new(stage: SecondStage) -> Self {
        let marked = Known::trusted_for(stage.covered());
        Self {
            stage,
            marked,
            written: Arc::default(),
        }
    }

    /// Whether merging this part of a session is to mark the session: filters read it, the mark will cover the events that
    /// are written after it, and no mark does yet. The end of a session is marked always, for it is due sooner then.
    pub(super) fn marks(&self, id: &SessionId, session: &Session) -> bool {
        let is_read = !self.stage.readers(session.sub_type().as_str()).is_empty();
        let is_covered = session.end_time().is_none() && self.marked.knows(id);
        is_read && !self.stage.covered().is_zero() && !is_covered
    }

    /// Makes the update that merges a part of a session, and marks the session for the filters that read it.
    pub(super) fn merge(
        &self,
        id: &SessionId,
        session: &Session,
        orgid: &str,
    ) -> Result<Update, StoreError> {
        let readers = self.stage.readers(session.sub_type().as_str());
        merge_with_news(id, session, orgid, &self.stage, &readers)
    }

    /// Remembers that these sessions were marked after `begun`.
    pub(super) fn learn(&self, sessions: impl Iterator<Item = SessionId>, begun: Instant) {
        self.marked.learn(sessions, begun);
    }

    /// Marks the sessions of a batch whose events are written, but those that were marked a moment ago.
    pub(super) async fn mark(
        &self,
        coll: &Documents,
        batch: &GraphBatch,
    ) -> Result<(), StoreError> {
        let begun = Instant::now();
        let read = batch.sessions.iter().filter_map(|(id, part)| {
            let readers = self.stage.readers(part.session.sub_type().as_str());
            (!readers.is_empty()).then_some((*id, readers))
        });
        let read: Vec<(SessionId, Vec<&str>)> = read.collect();
        let remembered = match self.stage.ends {
            true => {
                let mut written = self.written();
                written.extend(read.iter().cloned());
                written.len()
            }
            false => 0,
        };
        let unmarked = self.marked.unknown(read, |(id, _)| *id);
        mark_all(coll, &unmarked, &self.stage).await?;
        self.learn(unmarked.into_iter().map(|(id, _)| id), begun);
        match remembered > MOST_WRITTEN {
            true => self.due(coll).await,
            false => Ok(()),
        }
    }

    /// Makes the sessions due that a worker which ends has written.
    pub(super) async fn due(&self, coll: &Documents) -> Result<(), StoreError> {
        let written: Vec<_> = self
            .written()
            .iter()
            .map(|(id, of)| (*id, of.clone()))
            .collect();
        // they may be read at once, so later events need a new mark
        self.marked.forget(written.iter().map(|(id, _)| *id));
        mark_all(coll, &written, &SecondStage::default()).await?;
        let mut left = self.written();
        written.iter().for_each(|(id, _)| drop(left.remove(id)));
        Ok(())
    }

    fn written(&self) -> MutexGuard<'_, Readers> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks sessions for filters.
async fn mark_all(
    coll: &Documents,
    sessions: &[(SessionId, Vec<&'static str>)],
    stage: &SecondStage,
) -> Result<(), StoreError> {
    let mut sessions: Vec<_> = sessions.iter().collect();
    // several writers that change documents in the same order do not wait for each other in a circle
    sessions.sort_unstable();
    for part in sessions.chunks(COMMAND_DOCUMENTS) {
        let updates = part.iter().map(|(id, readers)| mark(id, stage, readers));
        let updates: Vec<Update> = updates.collect();
        bulk::update(coll, &updates, MARKING)
            .await?
            .whole(MARKING)?;
    }
    Ok(())
}

/// Makes the update that marks a session for these filters.
pub(crate) fn mark(id: &SessionId, stage: &SecondStage, readers: &[&str]) -> Update {
    Update {
        filter: doc! {"_id": id.bson()},
        update: vec![news(stage, readers)].into(),
        upsert: false,
    }
}

/// Makes the update that merges a part of a session and marks it. Updates of several parts give the same document in any
/// order, but for the time when it is due.
pub(crate) fn merge_with_news(
    id: &SessionId,
    session: &Session,
    orgid: &str,
    stage: &SecondStage,
    readers: &[&str],
) -> Result<Update, StoreError> {
    let document = sessions::session_document(id, &session.clone().without_times(), orgid)?;
    // what is stored stays
    let fields = doc! {"$mergeObjects": [{"$literal": document}, "$$ROOT"]};
    let mut pipeline = vec![doc! {"$replaceWith": fields}];
    let times = [
        ("start_time", "$min", session.start_time()),
        ("end_time", "$max", session.end_time()),
        ("duration", "$max", session.duration()),
    ];
    let times: Document = times
        .into_iter()
        .filter_map(|(name, better, time)| {
            let both: [Bson; 2] = [format!("${name}").into(), time?.get().into()];
            let mut chosen = Document::new();
            chosen.insert(better, both.to_vec());
            Some((name.to_owned(), chosen.into()))
        })
        .collect();
    if !times.is_empty() {
        pipeline.push(doc! {"$set": times});
    }
    pipeline.push(news(stage, readers));
    Ok(Update {
        filter: doc! {"_id": id.bson()},
        update: pipeline.into(),
        upsert: true,
    })
}

/// Makes the stage of an update by which a session waits for these filters.
fn news(stage: &SecondStage, readers: &[&str]) -> Document {
    let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX >> 1);
    let ended = doc! {"$gt": ["$end_time", null]};
    let wait = doc! {"$cond": [ended, ms(stage.settle), ms(stage.open)]};
    let waiting = doc! {"$ifNull": ["$_todo", []]};
    doc! {"$set": {
        "_todo": {"$setUnion": [waiting, {"$literal": readers}]},
        "_due": {"$add": ["$$NOW", wait]},
        // the sweep does not delete what got news
        "_going": "$$REMOVE",
    }}
}
