//! News of sessions: a session that got events waits for the second-stage filters that read sessions.
//!
//! A filter names the events without which it makes nothing of a session. One of these has the filter read the session; the
//! session's field `_readers` names it from then on, and any news has the session read again. Most sessions have none.
//!
//! A session may get events from several workers, and many never close. News sets `_due`, by the server's clock: some
//! seconds from then where the session has an end, else an hour. No worker takes the session before. So a writer that
//! marked a session a moment ago, and has written all of its events since, need not mark it again. For that, nothing may
//! make a session due that waits for later.
//!
//! A worker that ends with its work does not wait so long. It remembers the sessions that it wrote, and makes those due that
//! nobody but it has marked (`_marker`) when nothing else is left to do.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use tahoe_core::Session;

use crate::archive::ids::SessionId;
use crate::error::StoreError;
use crate::graph::write::batch::{GraphBatch, PartOfSession};
use crate::graph::write::known::Known;
use crate::graph::write::sessions;
use crate::mongo::bulk::{COMMAND_DOCUMENTS, Update};
use crate::mongo::collection::Documents;

/// Field of a session with the names of the filters that read it.
const READERS: &str = "_readers";
/// Field of a session that waits, and that only a worker which ends has marked: the worker.
pub(crate) const MARKER: &str = "_marker";
const MARKING: &str = "having sessions read by filters";

/// The most sessions that a worker remembers before it makes them due, about 100 bytes each.
const MOST_WRITTEN: usize = 100_000;

/// The filters of the second stage, as a writer of the graph needs to know them.
#[derive(Debug, Clone, Default)]
pub struct SecondStage {
    /// The names of the filters that read attributes.
    pub attributes: Vec<&'static str>,
    /// The filters that read sessions.
    pub sessions: Vec<SessionReader>,
    /// The time after news for which a session that has an end is left alone.
    pub settle: Duration,
    /// The time after news for which a session without an end is left alone.
    pub open: Duration,
    /// Whether the writer ends with its work, and waits for no session: the sessions that it wrote are due when it says so,
    /// by [`GraphWriter::sessions_are_due`](crate::GraphWriter::sessions_are_due).
    pub ends: bool,
}

/// A filter of the second stage that reads sessions.
#[derive(Debug, Clone)]
pub struct SessionReader {
    /// The filter's name.
    pub name: &'static str,
    /// The sub_types of the sessions.
    pub sub_types: &'static [&'static str],
    /// The sub_types of events, of which a session needs one to be read; any session is read if there are none.
    pub needs: &'static [&'static str],
}

/// The time from which a session with news may be read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReadAt<'a> {
    /// Some time after the news. A writer of further events relies on it. The worker is named if it ends.
    Settled(&'a SecondStage, Option<ObjectId>),
    /// Now. A session that waits is read when it would be, for a writer may rely on that.
    NowUnlessItWaits,
    /// Now, if nobody but this worker has marked the session.
    NowIfMarkedBy(ObjectId),
}

impl ReadAt<'_> {
    /// Returns the server's expressions for the time, and for the worker that may make the session due earlier.
    fn expressions(self) -> (Bson, Bson) {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX >> 1);
        match self {
            Self::Settled(stage, worker) => {
                let ended = doc! {"$gt": ["$end_time", null]};
                let wait = doc! {"$cond": [ended, ms(stage.settle), ms(stage.open)]};
                let marker = worker.map_or("$$REMOVE".into(), |worker| {
                    // a writer relies on what is to come only
                    let waits = doc! {"$gt": ["$_due", "$$NOW"]};
                    let is_its = doc! {"$eq": [format!("${MARKER}"), worker]};
                    let others = doc! {"$and": [waits, {"$not": is_its}]};
                    doc! {"$cond": [others, "$$REMOVE", worker]}.into()
                });
                (doc! {"$add": ["$$NOW", wait]}.into(), marker)
            }
            Self::NowUnlessItWaits => (
                doc! {"$max": ["$_due", "$$NOW"]}.into(),
                format!("${MARKER}").into(),
            ),
            Self::NowIfMarkedBy(_) => ("$$NOW".into(), "$$REMOVE".into()),
        }
    }
}

/// The filters that news concerns.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Readers {
    /// Those that read the session now.
    pub new: Vec<&'static str>,
    /// Those that read it again if they ever did.
    pub again: Vec<&'static str>,
}

impl Readers {
    fn merge(&mut self, more: Self) {
        self.new.extend(more.new);
        self.again.extend(more.again);
        self.new.sort_unstable();
        self.new.dedup();
        self.again.sort_unstable();
        self.again.dedup();
        self.again.retain(|name| !self.new.contains(name));
    }
}

impl SecondStage {
    /// Returns the filters that a part of a session concerns.
    fn readers(&self, part: &PartOfSession, batch: &GraphBatch) -> Readers {
        let mut readers = Readers::default();
        let sub_type = part.session.sub_type().as_str();
        for reader in self
            .sessions
            .iter()
            .filter(|reader| reader.sub_types.contains(&sub_type))
        {
            let is_needed = |event| {
                let event = batch.events.get(&event);
                event.is_some_and(|event| reader.needs.contains(&event.sub_type().as_str()))
            };
            match reader.needs.is_empty() || part.session.events().any(is_needed) {
                true => readers.new.push(reader.name),
                false => readers.again.push(reader.name),
            }
        }
        readers
    }

    /// Time for which a mark covers further events: well below the time after which a worker may take the session.
    fn covered(&self) -> Duration {
        self.settle.min(self.open) * 4 / 5
    }
}

/// Marks sessions that got news.
#[derive(Debug, Clone)]
pub(super) struct News {
    pub(super) stage: SecondStage,
    /// The sessions that were marked a moment ago, and for whom.
    marked: Known<(SessionId, Readers)>,
    /// The worker, if it ends.
    worker: Option<ObjectId>,
    /// The sessions that a worker which ends has written, and not made due.
    written: Arc<Mutex<HashMap<SessionId, Readers>>>,
}

impl News {
    pub(super) fn new(stage: SecondStage) -> Self {
        let marked = Known::trusted_for(stage.covered());
        Self {
            worker: stage.ends.then(ObjectId::new),
            stage,
            marked,
            written: Arc::default(),
        }
    }

    fn settled(&self) -> ReadAt<'_> {
        ReadAt::Settled(&self.stage, self.worker)
    }

    /// Returns the filters that the sessions of a batch concern, without sessions that concern none.
    pub(super) fn readers(&self, batch: &GraphBatch) -> HashMap<SessionId, Readers> {
        let sessions = batch.sessions.iter();
        let all = sessions.map(|(id, part)| (*id, self.stage.readers(part, batch)));
        all.filter(|(_, readers)| *readers != Readers::default())
            .collect()
    }

    /// Whether merging a part of a session is to mark the session for these filters: some read it now, the mark will cover
    /// the events that are written after it, and no mark does yet. The end of a session is marked always, for it is due
    /// sooner then.
    pub(super) fn marks(&self, id: &SessionId, session: &Session, readers: &Readers) -> bool {
        let is_covered = session.end_time().is_none() && self.is_marked(id, readers);
        !readers.new.is_empty() && !self.stage.covered().is_zero() && !is_covered
    }

    fn is_marked(&self, id: &SessionId, readers: &Readers) -> bool {
        self.marked.knows(&(*id, readers.clone()))
    }

    /// Makes the update that merges a part of a session, and marks the session for these filters.
    pub(super) fn merge(
        &self,
        id: &SessionId,
        session: &Session,
        orgid: &str,
        readers: &Readers,
    ) -> Result<Update, StoreError> {
        merge_with_news(id, session, orgid, self.settled(), readers)
    }

    /// Remembers that these sessions were marked after `begun`.
    pub(super) fn learn(
        &self,
        sessions: impl Iterator<Item = (SessionId, Readers)>,
        begun: Instant,
    ) {
        self.marked.learn(sessions, begun);
    }

    /// Marks the sessions of a batch whose events are written, but those that were marked a moment ago.
    pub(super) async fn mark(
        &self,
        coll: &Documents,
        batch: &GraphBatch,
        concerned: &HashMap<SessionId, Readers>,
        merged: &HashSet<SessionId>,
    ) -> Result<(), StoreError> {
        let begun = Instant::now();
        let remembered = self.remember(concerned);
        let mut unmarked: BTreeMap<Readers, Vec<SessionId>> = BTreeMap::new();
        for (id, readers) in concerned {
            let part = batch.sessions.get(id);
            let has_end = part.is_some_and(|part| part.session.end_time().is_some());
            if has_end && !merged.contains(id) || !self.is_marked(id, readers) {
                unmarked.entry(readers.clone()).or_default().push(*id);
            }
        }
        mark_all(coll, &unmarked, self.settled()).await?;
        for (readers, ids) in unmarked {
            self.learn(ids.into_iter().map(|id| (id, readers.clone())), begun);
        }
        match remembered > MOST_WRITTEN {
            true => self.due(coll).await,
            false => Ok(()),
        }
    }

    /// Remembers these sessions if the worker ends, and returns the number of all that are remembered.
    fn remember(&self, concerned: &HashMap<SessionId, Readers>) -> usize {
        let mut written = self.written();
        if self.stage.ends {
            for (id, readers) in concerned {
                written.entry(*id).or_default().merge(readers.clone());
            }
        }
        written.len()
    }

    /// Makes the sessions due that a worker which ends has written, but for those that another one has marked, too.
    pub(super) async fn due(&self, coll: &Documents) -> Result<(), StoreError> {
        let Some(worker) = self.worker else {
            return Ok(());
        };
        let mut written: BTreeMap<Readers, Vec<SessionId>> = BTreeMap::new();
        for (id, readers) in self.written().iter() {
            written.entry(readers.clone()).or_default().push(*id);
        }
        // they may be read at once, so later events need a new mark
        self.marked.clear();
        mark_all(coll, &written, ReadAt::NowIfMarkedBy(worker)).await?;
        let mut left = self.written();
        written
            .values()
            .flatten()
            .for_each(|id| drop(left.remove(id)));
        Ok(())
    }

    fn written(&self) -> MutexGuard<'_, HashMap<SessionId, Readers>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks sessions for filters.
async fn mark_all(
    coll: &Documents,
    sessions: &BTreeMap<Readers, Vec<SessionId>>,
    at: ReadAt<'_>,
) -> Result<(), StoreError> {
    for (readers, ids) in sessions {
        for ids in ids.chunks(COMMAND_DOCUMENTS) {
            let (filter, update) = mark(ids, at, readers);
            coll.named(MARKING)
                .update_many(filter, update)
                .send()
                .await?;
        }
    }
    Ok(())
}

/// Makes the update that marks sessions for these filters, as its filter and its stages.
pub(crate) fn mark(
    ids: &[SessionId],
    at: ReadAt<'_>,
    readers: &Readers,
) -> (Document, Vec<Document>) {
    let ids: Vec<Bson> = ids.iter().map(SessionId::bson).collect();
    let mut filter = doc! {"_id": {"$in": ids}};
    if readers.new.is_empty() {
        filter.insert(READERS, doc! {"$in": &readers.again});
    }
    if let ReadAt::NowIfMarkedBy(worker) = at {
        filter.insert(MARKER, worker);
    }
    (filter, vec![news(at, readers)])
}

/// Makes the update that merges a part of a session and marks it. Updates of several parts give the same document in any
/// order, but for the time when it is due.
pub(crate) fn merge_with_news(
    id: &SessionId,
    session: &Session,
    orgid: &str,
    at: ReadAt<'_>,
    readers: &Readers,
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
    pipeline.push(news(at, readers));
    Ok(Update {
        filter: doc! {"_id": id.bson()},
        update: pipeline.into(),
        upsert: true,
    })
}

/// Makes the stage of an update by which a session waits for these filters: some now, others if they ever read it. It waits
/// for one at least.
fn news(at: ReadAt<'_>, readers: &Readers) -> Document {
    let (due, marker) = at.expressions();
    let waiting = doc! {"$ifNull": ["$_todo", []]};
    let known = doc! {"$ifNull": ["$_readers", []]};
    let again = doc! {"$setIntersection": [&known, {"$literal": &readers.again}]};
    doc! {"$set": {
        "_todo": {"$setUnion": [waiting, {"$literal": &readers.new}, again]},
        "_readers": {"$setUnion": [known, {"$literal": &readers.new}]},
        "_due": due,
        MARKER: marker,
        // the sweep does not delete what got news
        "_going": "$$REMOVE",
    }}
}
