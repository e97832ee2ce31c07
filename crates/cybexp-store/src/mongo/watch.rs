//! News that there may be work: a change stream.

use std::time::Duration;

use bson::{Document, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::ChangeStreamEvent;

use crate::error::{Doing, StoreError};
use crate::mongo::collection::Documents;
use crate::mongo::operation::timed;

/// How long a server waits before it says that nothing happened: idle, this is all the traffic there is.
const AWAIT: Duration = Duration::from_secs(10);

type Stream = ChangeStream<ChangeStreamEvent<Document>>;

/// Tells when something came into a collection.
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

    /// Returns when something that matches came in, or may have come in before the stream was open. After an
    /// error the next call connects anew; a server without change streams gives an error each time.
    ///
    /// Not cancel safe: a dropped call may lose news.
    pub async fn changed(&mut self) -> Result<(), StoreError> {
        let doing = "watching a collection";
        let Some(mut stream) = self.stream.take() else {
            // the matching event's id, type and place are all that is sent; the driver needs these
            let fields = doc! {"$project": {"_id": 1, "operationType": 1, "ns": 1}};
            let pipeline = [doc! {"$match": &self.of}, fields];
            let stream = self.coll.driver().watch().pipeline(pipeline);
            // without a comment: the driver would put it into the stage, too, where the server does not know it
            let stream = stream.max_await_time(AWAIT);
            // only the opening is timed: from then on it waits for news
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
