//! Reading the old collection in batches that are checked while the one before is written.

use bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::action::Action;
use mongodb::options::Hint;
use tokio::sync::mpsc;

use crate::error::StoreError;
use crate::migrate::check::{self, Checked};
use crate::mongo::collection::Documents;
use crate::mongo::indexes::ID;

const READING: &str = "reading the archive of the old form";

/// The most documents of a batch.
const BATCH: usize = 2000;
/// The most bytes of a batch; a single document may have more.
const BATCH_BYTES: usize = 8 << 20;

/// Documents that stand one behind the other in the old collection.
pub(super) struct OldBatch {
    /// The `_id` of the last one.
    pub to: Bson,
    pub documents: Vec<Checked>,
}

/// Reads the documents that match, in the order of their `_id`, behind `from`. A batch ends at `until`, so that a batch
/// that was interrupted is read as it was.
pub(super) fn batches(
    coll: &Documents,
    of: Document,
    from: Option<Bson>,
    until: Option<Bson>,
) -> mpsc::Receiver<Result<OldBatch, StoreError>> {
    let (sender, receiver) = mpsc::channel(1);
    let coll = coll.clone();
    tokio::spawn(async move {
        if let Err(error) = read(&coll, of, from, until, &sender).await {
            // nobody waits any more if this fails
            let _ = sender.send(Err(error)).await;
        }
    });
    receiver
}

async fn read(
    coll: &Documents,
    of: Document,
    from: Option<Bson>,
    until: Option<Bson>,
    sender: &mpsc::Sender<Result<OldBatch, StoreError>>,
) -> Result<(), StoreError> {
    let find = coll.named(READING).find(of).with(|find| {
        // unlike a condition on `_id`, `min` reaches ids of every type
        let bound = from.clone().map(|from| doc! {"_id": from});
        find.hint(Hint::Name(ID.to_owned()))
            .sort(doc! {"_id": 1})
            .optional(bound, |find, bound| find.min(bound))
    });
    let mut rows = find.rows().await?;
    let mut documents: Vec<RawDocumentBuf> = Vec::new();
    let mut bytes = 0;
    loop {
        let row = rows.next().await?;
        let ended = row.is_none();
        if let Some(row) = row {
            let id = row.get("_id").ok().flatten();
            let id = id.and_then(|id| Bson::try_from(id).ok());
            if id.is_some() && id == from {
                continue;
            }
            bytes += row.as_bytes().len();
            documents.push(row);
            let full = documents.len() >= BATCH || bytes >= BATCH_BYTES;
            let interrupted = id.is_some() && id == until;
            if !full && !interrupted {
                continue;
            }
        }
        if !documents.is_empty() {
            let taken = std::mem::take(&mut documents);
            bytes = 0;
            let checked = tokio::task::spawn_blocking(move || {
                let checked = taken.iter().map(|document| check::check(document));
                checked.collect::<Vec<_>>()
            });
            let Ok(documents) = checked.await else {
                return Err(StoreError::Stopped);
            };
            let to = documents.last().map_or(Bson::Null, |last| last.id.clone());
            if sender.send(Ok(OldBatch { to, documents })).await.is_err() {
                return Ok(());
            }
        }
        if ended {
            return Ok(());
        }
    }
}
