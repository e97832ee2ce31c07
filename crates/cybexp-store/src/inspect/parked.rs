//! Notices of subscriptions that could not be delivered, or not yet.

use bson::doc;

use crate::error::StoreError;
use crate::queries::queue::Queries;

impl Queries {
    /// Returns the number of parked notices in the outbox beside, up to `limit`. Makes no index.
    pub async fn count_parked(&self, limit: u64) -> Result<u64, StoreError> {
        let outbox = self.coll.beside("outbox");
        let parked = doc! {"parked": {"$exists": true}, "user": {"$gte": ""}};
        let count = outbox
            .named("counting parked notices")
            .count_documents(parked);
        count.with(|count| count.limit(limit)).send().await
    }

    /// Returns the number of notices in the outbox beside that wait, up to `limit`. Makes no index.
    pub async fn count_waiting_notices(&self, limit: u64) -> Result<u64, StoreError> {
        let outbox = self.coll.beside("outbox");
        let since = bson::DateTime::from_millis(0);
        let waits = doc! {"receiver": {"$gte": ""}, "due": {"$gte": since}};
        let count = outbox
            .named("counting notices that wait")
            .count_documents(waits);
        count.with(|count| count.limit(limit)).send().await
    }
}
