//! Notices of subscriptions that could not be delivered, or not yet.

use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::queries::queue::Queries;
use crate::subscriptions::{bounds, outbox};

impl Queries {
    /// Returns the number of parked notices in the outbox beside, up to `limit`. Makes no index.
    pub async fn count_parked(&self, limit: u64) -> Result<u64, StoreError> {
        self.count_notices(outbox::all_parked(), limit).await
    }

    /// Returns the number of notices in the outbox beside that wait, up to `limit`. Makes no index.
    pub async fn count_waiting_notices(&self, limit: u64) -> Result<u64, StoreError> {
        self.count_notices(bounds::all_waiting(), limit).await
    }

    /// Counts these notices without a hint, for the index may not be there.
    async fn count_notices(&self, of: Find, limit: u64) -> Result<u64, StoreError> {
        let outbox = self.coll.beside("outbox");
        let count = outbox.named(of.doing).count_documents(of.filter);
        count.with(|count| count.limit(limit)).send().await
    }
}
