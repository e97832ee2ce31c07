//! Waiting for new work with a change stream.

use std::time::Duration;

use bson::{Document, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::ChangeStreamEvent;

use crate::error::{Doing, StoreError};
use crate::mongo::collection::Documents;
use crate::mongo::operation::timed;

/// Time that the server waits before it reports that nothing happened. An idle stream has no other traffic.
const AWAIT: Duration = Duration::from_secs(10);

type Stream = ChangeStream<ChangeStreamEvent<Document>>;

/// Tells when a document was written to a collection.
pub struct Watch {
    coll: Documents,
    of: Document,
    stream: Option<Stream>,
}

impl Watch {
    pub(crate) fn new(coll: Documents, of: Document) -> Self {
        Self {
            coll,
            of,
            stream: None,
        }
    }

    /// Returns when a matching document was written, or may have been written before the stream was open. After an
    /// error, the next call connects again. A server without change streams returns an error each time.
    ///
    /// Not cancel safe: a dropped call may miss a write.
    pub async fn changed(&mut self) -> Result<(), StoreError> {
        let doing = "watching a collection";
        let Some(mut stream) = self.stream.take() else {
            // only the event's id, type and place are sent, which the driver needs
            let fields = doc! {"$project": {"_id": 1, "operationType": 1, "ns": 1}};
            let pipeline = [doc! {"$match": &self.of}, fields];
            let stream = self.coll.driver().watch().pipeline(pipeline);
            // without a comment: the driver would put it into the stage, too, where the server refuses it
            let stream = stream.max_await_time(AWAIT);
            // only the opening is timed: afterwards the stream waits for writes
            let stream = timed(doing, stream).await?;
            self.stream = Some(stream.with_type());
            return Ok(());
        };
        while stream.is_alive() {
            if stream.next_if_any().await.doing(doing)?.is_some() {
                self.stream = Some(stream);
                return Ok(());
            }
        }
        Ok(())
    }
}
