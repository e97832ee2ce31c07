//! Documents as they are inserted into a collection, by a change stream.

use std::time::Duration;

use bson::{Document, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::{ChangeStreamEvent, ResumeToken};
use mongodb::error::ErrorKind;

use crate::error::{Doing, StoreError};
use crate::mongo::collection::Documents;
use crate::mongo::operation::timed;

/// Time that the server waits before it reports that nothing happened.
const AWAIT: Duration = Duration::from_secs(1);

const FOLLOWING: &str = "following what is inserted";

type Stream = ChangeStream<ChangeStreamEvent<Document>>;

/// Follows the documents that are inserted and match a condition.
pub(crate) struct InsertStream {
    coll: Documents,
    of: Document,
    most_bytes: i64,
    stream: Option<Stream>,
    token: Option<ResumeToken>,
}

impl InsertStream {
    /// Makes a stream that has not begun to follow. Documents of more than `most_bytes` are left out.
    pub(crate) fn new(coll: &Documents, of: Document, most_bytes: i64) -> Self {
        Self {
            coll: coll.clone(),
            of,
            most_bytes,
            stream: None,
            token: None,
        }
    }

    /// Begins to follow, from where the last call to [`InsertStream::next`] ended. Returns whether documents were lost since
    /// then.
    pub(crate) async fn begin(&mut self) -> Result<bool, StoreError> {
        if self.stream.is_some() {
            return Ok(false);
        }
        match self.open().await {
            Err(StoreError::Database { cause, .. })
                // the server does not know the place any more
                if self.token.is_some() && matches!(&*cause.kind, ErrorKind::Command(_)) =>
            {
                self.token = None;
                self.open().await.map(|()| true)
            }
            opened => opened.map(|()| false),
        }
    }

    async fn open(&mut self) -> Result<(), StoreError> {
        let is_small = doc! {"$lte": [{"$bsonSize": "$fullDocument"}, self.most_bytes]};
        let pipeline = [
            doc! {"$match": {"operationType": "insert"}},
            doc! {"$match": &self.of},
            doc! {"$match": {"$expr": is_small}},
            doc! {"$project": {"_id": 1, "operationType": 1, "ns": 1, "fullDocument": 1}},
        ];
        let stream = self.coll.driver().watch().pipeline(pipeline);
        let stream = stream
            .max_await_time(AWAIT)
            .resume_after(self.token.clone());
        self.stream = Some(timed(FOLLOWING, stream).await?.with_type());
        Ok(())
    }

    /// Returns the next document, in the order in which the server took them; `None` where there is none for about a second.
    /// Runs to its end: a dropped call loses a document. After an error, begin again.
    pub(crate) async fn next(&mut self) -> Result<Option<Document>, StoreError> {
        let Some(mut stream) = self.stream.take() else {
            return Ok(None);
        };
        let change = stream.next_if_any().await.doing(FOLLOWING)?;
        self.token = stream.resume_token();
        self.stream = stream.is_alive().then_some(stream);
        Ok(change.and_then(|change| change.full_document))
    }
}
