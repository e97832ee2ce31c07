//! The queue of sessions that a filter of the second stage reads.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bson::{Bson, RawDocument, RawDocumentBuf, doc};
use tahoe_core::{Event, Instance, OrgId, Session};

use crate::archive::ids::SessionId;
use crate::archive::keys::LEAST_TIE;
use crate::archive::open::Archive;
use crate::archive::rebuilt;
use crate::error::StoreError;
use crate::graph::write::news::MARKER;
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::{EVENT_KEYS, SESSION_DUE};
use crate::mongo::lease::{Lease, Others};
use crate::raws::queue::unleased;

const DONE: &str = "marking sessions as read by a filter";

/// The most sessions of a batch, where few are due.
const BATCH: i64 = 200;
/// The most sessions of a batch after one that was full: a batch waits for a dozen round trips, whatever its size.
const LARGE_BATCH: i64 = 1000;
/// The size of the events of a batch at which it ends. The sessions beyond are left to the next one.
const BATCH_BYTES: usize = 32 << 20;
/// The most sessions whose events are read together: the server merges those of no more than 200 in order.
const TOGETHER: usize = 200;
/// The most events that are read together. If there are more, the sessions are read one by one.
const EVENTS: usize = 20_000;
/// Events that are worth a thread to build them.
const EVENTS_OF_A_THREAD: usize = 500;
/// The most events of one session that a filter gets, the first ones in order of time.
pub(crate) const EVENTS_OF_ONE: usize = 5_000;

/// The sessions of one filter, shared with other workers of the same filter.
#[derive(Debug)]
pub struct DueSessions {
    coll: Documents,
    lease: Lease,
    filter: String,
    /// Ids of the sessions that were taken and are not marked.
    in_hand: HashSet<SessionId>,
    /// The most sessions of the next batch.
    most: i64,
}

/// Marks sessions that a filter has read; cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionMarker {
    coll: Documents,
    filter: String,
}

/// A session that is due.
#[derive(Debug)]
pub struct DueSession {
    /// The identity of the session.
    pub id: SessionId,
    /// The session with its events, or the reason why it cannot be read.
    pub read: Result<SessionRead, String>,
    due: Bson,
    todo: Vec<String>,
}

/// A session with its events in order of time.
#[derive(Debug)]
pub struct SessionRead {
    /// The organisation of the session.
    pub orgid: OrgId,
    /// The session.
    pub session: Session,
    /// Its first events, 5,000 at most.
    pub events: Vec<Event>,
    /// Whether it has more events than these.
    pub cut: bool,
}

/// The first events of some sessions, as they are stored.
struct FirstEvents {
    rows: Vec<RawDocumentBuf>,
    bytes: usize,
    /// Whether there are no others.
    is_whole: bool,
}

/// The result of looking for sessions that are due.
#[derive(Debug)]
pub enum Due {
    /// Sessions, leased for half a minute or until they are done.
    Sessions(Vec<DueSession>),
    /// None is due, and the next one will be after this time.
    Later(Duration),
    /// No session waits.
    Nothing,
}

impl DueSessions {
    /// Opens the queue of the filter with this name.
    pub async fn open(archive: &Archive, filter: &str) -> Result<Self, StoreError> {
        Ok(Self {
            coll: archive.coll.clone(),
            lease: Lease::open(&archive.server, &archive.db, filter).await?,
            filter: filter.to_owned(),
            in_hand: HashSet::new(),
            most: BATCH,
        })
    }

    /// Takes sessions that are due, besides those that were taken and are not marked, by this worker or another one.
    pub async fn take(&mut self) -> Result<Due, StoreError> {
        let Others { items, ends } = self.lease.others().await?;
        let in_hand: Vec<Bson> = self.in_hand.iter().map(SessionId::bson).collect();
        let taken: Vec<Bson> = items.iter().chain(&in_hand).cloned().collect();
        let waiting = waiting(&self.filter, &taken).limit(self.most);
        let rows = waiting.all(&self.coll).await?;
        let wait = |row: &RawDocumentBuf| row.get_i64("wait_ms").unwrap_or(0);
        let due: Vec<&RawDocumentBuf> = rows.iter().filter(|row| wait(row) <= 0).collect();
        let is_full = due.len() as i64 == self.most;
        self.most = if is_full { LARGE_BATCH } else { BATCH };
        if due.is_empty() {
            if self.in_hand.is_empty() {
                self.lease.release().await?;
            }
            let next = rows
                .first()
                .map(|row| Duration::from_millis(wait(row).max(0).cast_unsigned()));
            let others = (!items.is_empty()).then_some(ends);
            return Ok(match next.into_iter().chain(others).min() {
                Some(wait) => Due::Later(wait),
                None => Due::Nothing,
            });
        }
        let ids = due.iter().filter_map(|row| Some(id_of(row)?.bson()));
        let ids = ids.chain(in_hand);
        let ours = self.lease.take_items(ids.collect()).await?;
        let mut sessions: Vec<DueSession> = due
            .into_iter()
            .filter_map(read)
            .filter(|session| ours.contains(session.id.bytes()))
            .collect();
        self.read_events(&mut sessions).await?;
        self.in_hand
            .extend(sessions.iter().map(|session| session.id));
        Ok(Due::Sessions(sessions))
    }

    /// Reads the events of the first of these sessions, and leaves out the sessions for which there is no room.
    async fn read_events(&self, sessions: &mut Vec<DueSession>) -> Result<(), StoreError> {
        let (mut done, mut bytes) = (0, 0);
        while done < sessions.len() && bytes < BATCH_BYTES {
            let end = sessions.len().min(done + TOGETHER);
            let ids: Vec<SessionId> = sessions[done..end].iter().map(|one| one.id).collect();
            let first = self.first_events(&ids, EVENTS).await?;
            if first.is_whole {
                bytes += first.bytes;
                let mut events = built(first.rows, &ids).await;
                for session in &mut sessions[done..end] {
                    session.give(events.remove(&session.id), false);
                }
                done = end;
                continue;
            }
            while done < end && bytes < BATCH_BYTES {
                let session = &mut sessions[done];
                let first = self.first_events(&[session.id], EVENTS_OF_ONE).await?;
                bytes += first.bytes;
                let mut events = built(first.rows, &[session.id]).await;
                session.give(events.remove(&session.id), !first.is_whole);
                done += 1;
            }
        }
        sessions.truncate(done);
        Ok(())
    }

    /// Reads the first events of these sessions in order of time.
    async fn first_events(
        &self,
        sessions: &[SessionId],
        most: usize,
    ) -> Result<FirstEvents, StoreError> {
        let mut first = FirstEvents {
            rows: Vec::new(),
            bytes: 0,
            is_whole: true,
        };
        let mut rows = events_of(sessions, most).rows(&self.coll).await?;
        while let Some(row) = rows.next().await? {
            let bytes = row.as_bytes().len();
            if first.rows.len() == most || first.bytes + bytes > BATCH_BYTES {
                first.is_whole = false;
                break;
            }
            first.bytes += bytes;
            first.rows.push(row);
        }
        Ok(first)
    }

    /// Returns what marks sessions of this queue.
    pub fn marker(&self) -> SessionMarker {
        SessionMarker {
            coll: self.coll.clone(),
            filter: self.filter.clone(),
        }
    }

    /// Gives back sessions that were marked.
    pub async fn marked(&mut self, sessions: &[DueSession]) -> Result<(), StoreError> {
        for session in sessions {
            self.in_hand.remove(&session.id);
        }
        match self.in_hand.is_empty() {
            true => self.lease.release().await,
            false => Ok(()),
        }
    }

    /// Gives back all sessions that were taken and are not marked, so that they are taken again, by any worker.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        self.in_hand.clear();
        self.lease.release().await
    }
}

impl DueSession {
    /// Takes its events, if it can be read. `cut`: it has more than these.
    fn give(&mut self, events: Option<Vec<Event>>, cut: bool) {
        if let Ok(read) = &mut self.read {
            read.events = events.unwrap_or_default();
            read.cut = cut || read.events.len() > EVENTS_OF_ONE;
            read.events.truncate(EVENTS_OF_ONE);
        }
    }
}

impl SessionMarker {
    /// Records that the filter has read these sessions, but for those that got news in the meantime.
    pub async fn mark(&self, sessions: &[DueSession]) -> Result<(), StoreError> {
        let updates = sessions.iter().map(|session| done(&self.filter, session));
        let updates: Vec<Update> = updates.collect();
        bulk::update(&self.coll, &updates, DONE)
            .await?
            .whole(DONE)?;
        Ok(())
    }
}

/// Builds events of their documents, in several threads, and returns them by session in the order of the documents. Those
/// that cannot be read are left out.
async fn built(
    mut rows: Vec<RawDocumentBuf>,
    sessions: &[SessionId],
) -> HashMap<SessionId, Vec<Event>> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = rows.len().div_ceil(threads).max(EVENTS_OF_A_THREAD);
    let wanted: Arc<HashSet<SessionId>> = Arc::new(sessions.iter().copied().collect());
    let mut parts = Vec::new();
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(share));
        let part = std::mem::replace(&mut rows, rest);
        let wanted = Arc::clone(&wanted);
        parts.push(tokio::task::spawn_blocking(move || {
            let events = part.iter().filter_map(|row| event(row, &wanted));
            events.collect::<Vec<_>>()
        }));
    }
    let mut found: HashMap<SessionId, Vec<Event>> = HashMap::new();
    for part in parts {
        // a panic leaves out the part, as a document that cannot be read is left out
        for (event, mut of) in part.await.unwrap_or_default() {
            let last = of.pop();
            for id in of {
                found.entry(id).or_default().push(event.clone());
            }
            if let Some(id) = last {
                found.entry(id).or_default().push(event);
            }
        }
    }
    found
}

/// Builds the event of a document, with those of these sessions to which it belongs.
fn event(row: &RawDocument, wanted: &HashSet<SessionId>) -> Option<(Event, Vec<SessionId>)> {
    let Instance::Event(event) = rebuilt::instance(row).ok()? else {
        return None;
    };
    let keys = row.get_array("_keys").ok().into_iter().flatten().flatten();
    let of = keys.filter_map(|key| SessionId::read(key.as_binary()?.bytes));
    Some((event, of.filter(|id| wanted.contains(id)).collect()))
}

fn id_of(row: &RawDocument) -> Option<SessionId> {
    SessionId::read(row.get_binary("_id").ok()?.bytes)
}

fn read(row: &RawDocumentBuf) -> Option<DueSession> {
    let todo = row.get_array("_todo").ok().into_iter().flatten().flatten();
    let session = || {
        let Instance::Session(session) = rebuilt::instance(row)? else {
            return Err("it is no session".to_owned());
        };
        let orgid = row.get_str("orgid").map_err(|error| error.to_string())?;
        Ok(SessionRead {
            orgid: OrgId::new(orgid).map_err(|error| error.to_string())?,
            session,
            events: Vec::new(),
            cut: false,
        })
    };
    Some(DueSession {
        id: id_of(row)?,
        read: session(),
        due: row.get("_due").ok()??.try_into().ok()?,
        todo: todo
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect(),
    })
}

/// Finds the sessions that wait for a filter, those that are due first, and how many milliseconds each still waits.
pub(crate) fn waiting(filter: &str, leased: &[Bson]) -> Find {
    let of = doc! {"_todo": filter, "_due": {"$exists": true}, "_id": unleased(leased)};
    Find::new("reading sessions that are due", SESSION_DUE, of)
        .project(doc! {
            "itype": 1, "sub_type": 1, "orgid": 1, "data": 1, "start_time": 1, "end_time": 1, "duration": 1, "_hash": 1,
            "_todo": 1, "_due": 1, "wait_ms": {"$subtract": ["$_due", "$$NOW"]},
        })
        .sort(doc! {"_due": 1})
        .limit(BATCH)
}

/// Finds the first events of these sessions, and one more than `most`.
pub(crate) fn events_of(sessions: &[SessionId], most: usize) -> Find {
    let sessions: Vec<Bson> = sessions.iter().map(SessionId::bson).collect();
    let filter = doc! {"_keys": {"$in": sessions}, "_tie": {"$gte": LEAST_TIE}};
    Find::new("reading the events of sessions that are due", EVENT_KEYS, filter)
        .project(doc! {
            "_id": 0, "itype": 1, "sub_type": 1, "orgid": 1, "timestamp": 1, "data": 1, "_hash": 1, "_keys": 1,
        })
        .sort(doc! {"timestamp": 1, "_tie": -1})
        .limit(most as i64 + 1)
}

/// Makes the update of a session that a filter has read, unless it got news in the meantime.
pub(crate) fn done(filter: &str, session: &DueSession) -> Update {
    let update = match session.todo.iter().any(|name| name != filter) {
        true => doc! {"$pull": {"_todo": filter}},
        false => doc! {"$unset": {"_todo": "", "_due": "", MARKER: ""}},
    };
    Update {
        filter: doc! {"_id": session.id.bson(), "_due": &session.due, "_todo": &session.todo},
        update: update.into(),
        upsert: false,
    }
}
