//! Waking up when there may be work.

use std::sync::Arc;
use std::time::Duration;

use bson::{Document, doc};
use mongodb::change_stream::event::ChangeStreamEvent;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::collection::Raws;

/// How often a server without change streams is looked at.
const POLL: Duration = Duration::from_secs(1);
/// How long a server waits before it says that nothing happened: idle, this is all the traffic there is.
const AWAIT: Duration = Duration::from_secs(10);

/// A change stream that notifies; it ends when this is dropped.
#[derive(Debug)]
pub struct Watch {
    notify: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Notified whenever something that matches came in, and whenever something may have been missed.
    pub fn notify(&self) -> Arc<Notify> {
        Arc::clone(&self.notify)
    }

    pub(crate) fn start(coll: Raws, of: Document) -> Self {
        let notify = Arc::new(Notify::new());
        let task = tokio::spawn(watch(coll, of, Arc::clone(&notify)));
        Self { notify, task }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(coll: Raws, of: Document, notify: Arc<Notify>) {
    let pipeline = [
        doc! {"$match": of},
        doc! {"$project": {"_id": 1, "operationType": 1, "ns": 1}},
    ];
    let mut told = false;
    loop {
        let stream = coll
            .watch()
            .pipeline(pipeline.clone())
            .max_await_time(AWAIT);
        match stream.await {
            Ok(stream) => {
                let mut stream = stream.with_type::<ChangeStreamEvent<Document>>();
                told = false;
                // whatever came before the stream was open is found by looking
                notify.notify_one();
                while let Ok(event) = stream.next_if_any().await {
                    if event.is_some() {
                        notify.notify_one();
                    } else if !stream.is_alive() {
                        break;
                    }
                }
            }
            Err(error) if !told => {
                told = true;
                tracing::debug!(%error, "no change stream: polling");
            }
            Err(_) => {}
        }
        tokio::time::sleep(POLL).await;
        notify.notify_one();
    }
}
