//! Deleting uploads that will not be finished.

use bson::oid::ObjectId;
use bson::{Document, doc};
use futures::FutureExt;

use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::mongo::indexes::UPLOAD_UNTIL;
use crate::mongo::transaction;

const DISCARDING: &str = "discarding an upload";

impl Cache {
    /// Deletes uploads that got no bytes for a minute, and returns their number.
    pub async fn sweep_uploads(&self) -> Result<u64, StoreError> {
        let mut swept = 0;
        for upload in overdue().all(&self.uploads).await? {
            if let Ok(fid) = upload.get_object_id("_id") {
                swept += u64::from(self.discard(fid, overdue_one(fid)).await?);
            }
        }
        Ok(swept)
    }

    /// Deletes the upload whose registration this filter matches.
    pub(crate) async fn discard(
        &self,
        fid: ObjectId,
        registration: Document,
    ) -> Result<bool, StoreError> {
        let context = (self, fid, registration);
        transaction::run(&self.uploads, DISCARDING, context, |session, context| {
            let (cache, fid, registration) = context;
            async move {
                let uploads = cache.uploads.named(DISCARDING);
                let gone = uploads.delete_one(registration.clone()).part();
                if gone.session(&mut *session).await?.deleted_count == 0 {
                    return Ok(false);
                }
                let chunks = cache.chunks.named(DISCARDING);
                let chunks = chunks.delete_many(of_file(*fid)).part();
                chunks.session(&mut *session).await?;
                Ok(true)
            }
            .boxed()
        })
        .await
    }
}

/// Finds the registrations whose lease has ended.
pub(crate) fn overdue() -> Find {
    let filter = doc! {"$expr": {"$lt": ["$until", "$$NOW"]}};
    Find::new("looking for uploads that ended", UPLOAD_UNTIL, filter)
}

/// Matches this registration, unless its lease was renewed.
pub(crate) fn overdue_one(fid: ObjectId) -> Document {
    let mut filter = overdue().filter;
    filter.insert("_id", fid);
    filter
}

/// Matches the chunks of a file.
pub(crate) fn of_file(fid: ObjectId) -> Document {
    doc! {"files_id": fid}
}
