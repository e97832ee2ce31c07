//! Events as they are written, by a change stream: the keeper of feeds learns of them within a second, and none is missed.
//!
//! The journal of hours names hours, not events. To find the new ones of an hour one would have to read them all again.

use std::time::Duration;

use bson::{Bson, Document, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::{ChangeStreamEvent, OperationType, ResumeToken};

use crate::error::{Doing, StoreError};
use crate::mongo::collection::Documents;
use crate::mongo::operation::timed;

/// Time that the server waits before it reports that nothing happened.
const AWAIT: Duration = Duration::from_millis(200);
/// The most changes that are taken at once.
const BATCH: usize = 1000;

const FOLLOWING: &str = "following the events for feeds";

type Stream = ChangeStream<ChangeStreamEvent<Document>>;

/// Changes of events since the last ones that were taken.
#[derive(Debug, Default)]
pub(crate) struct EventChanges {
    /// The `_id`s of events that were written or judged.
    pub events: Vec<Bson>,
    /// Whether events were removed.
    pub removed: bool,
}

/// Follows the events of an archive.
pub(crate) struct EventStream {
    coll: Documents,
    stream: Option<Stream>,
    token: Option<ResumeToken>,
}

impl EventStream {
    /// Follows the events from this place on, or from now.
    pub(crate) fn new(events: &Documents, token: Option<&str>) -> Self {
        Self {
            coll: events.clone(),
            stream: None,
            token: token.and_then(|token| serde_json::from_str(token).ok()),
        }
    }

    /// Begins to follow. Returns false if the place is too far back: changes are lost.
    pub(crate) async fn begin(&mut self) -> Result<bool, StoreError> {
        if self.stream.is_some() {
            return Ok(true);
        }
        match open(&self.coll, self.token.clone()).await {
            Ok(stream) => {
                self.stream = Some(stream);
                Ok(true)
            }
            Err(StoreError::Database { cause, .. }) if is_lost(&cause) && self.token.is_some() => {
                self.token = None;
                self.stream = Some(open(&self.coll, None).await?);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the changes since the last call, after a fifth of a second if there are none. After an error, follow anew.
    pub(crate) async fn next(&mut self) -> Result<EventChanges, StoreError> {
        let mut changes = EventChanges::default();
        let Some(mut stream) = self.stream.take() else {
            return Ok(changes);
        };
        for _ in 0..BATCH {
            let Some(change) = stream.next_if_any().await.doing(FOLLOWING)? else {
                break;
            };
            let id = change.document_key.and_then(|mut key| key.remove("_id"));
            match change.operation_type {
                // a hash: raws and sessions have longer ids, and their removal says nothing
                OperationType::Delete => {
                    changes.removed |=
                        matches!(&id, Some(Bson::Binary(id)) if id.bytes.len() == 32);
                }
                _ => changes.events.extend(id),
            }
        }
        self.token = stream.resume_token();
        self.stream = Some(stream);
        Ok(changes)
    }

    /// Returns the place up to which changes were taken.
    pub(crate) fn place(&self) -> Option<String> {
        serde_json::to_string(self.token.as_ref()?).ok()
    }
}

/// Opens the stream. It takes its parts, for a future that borrowed the stream could not be sent between threads.
async fn open(coll: &Documents, token: Option<ResumeToken>) -> Result<Stream, StoreError> {
    // derived events are no observations, and no feed counts them; verdicts stand beside these, and count
    let counts = [
        doc! {"fullDocument.derived": {"$ne": true}},
        doc! {"fullDocument.sub_type": "verdict"},
    ];
    let written = doc! {
        "operationType": {"$in": ["insert", "replace"]}, "fullDocument.itype": "event", "$or": counts.to_vec(),
    };
    let judged = ["category", "_mal_ref", "_ben_ref", "tlp"].map(|field| {
        let field = format!("updateDescription.updatedFields.{field}");
        doc! {field: {"$exists": true}}
    });
    // raws are labelled, too: whoever reads the events leaves them out
    // attributes and objects are removed, too, by the sweep alone, long after their events
    let removed = doc! {"operationType": "delete"};
    let judged = doc! {"operationType": "update", "$or": judged.to_vec()};
    let pipeline = [
        doc! {"$match": {"$or": [written, judged, removed]}},
        doc! {"$project": {"_id": 1, "operationType": 1, "ns": 1, "documentKey": 1}},
    ];
    let stream = coll.driver().watch().pipeline(pipeline);
    let stream = stream.max_await_time(AWAIT).resume_after(token);
    Ok(timed(FOLLOWING, stream).await?.with_type())
}

/// Whether the server no longer has the changes since a place, or does not know it.
fn is_lost(error: &mongodb::error::Error) -> bool {
    // ChangeStreamHistoryLost, ChangeStreamFatalError, InvalidResumeToken
    const LOST: [i32; 3] = [286, 280, 260];
    match &*error.kind {
        mongodb::error::ErrorKind::Command(error) => LOST.contains(&error.code),
        _ => false,
    }
}
