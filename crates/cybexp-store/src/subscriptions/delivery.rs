//! Delivery of what waits in the outbox, by one process at a time.

use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};

use crate::archive::ids::binary;
use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::mongo::indexes::OUTBOX_RECEIVER;
use crate::mongo::lease::Lease;
use crate::mongo::server::Server;
use crate::subscriptions::outbox::{
    FIELDS, NoticeId, NoticeRow, Outbox, ROW_BYTES, distinct, is_set,
};

/// The most characters of a reason that are kept.
const REASON_CHARS: usize = 300;
const PARKING: &str = "parking notices";

/// The deliverer of the outbox.
pub struct OutboxDelivery {
    outbox: Outbox,
    lease: Lease,
}

impl OutboxDelivery {
    /// Makes a deliverer.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn open(server: &Server, db: &str) -> Result<Self, StoreError> {
        Ok(Self {
            outbox: Outbox::open(server, db).await?,
            lease: Lease::open(server, db, "outbox").await?,
        })
    }

    /// Returns the outbox.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether this process is the one that delivers, for the next half minute.
    pub async fn holds(&mut self) -> Result<bool, StoreError> {
        let item = binary(b"outbox".to_vec());
        let ours = self.lease.take_items(vec![item]).await?;
        if ours.is_empty() {
            // a lease that waits would take the other's place when that one renews its own
            self.lease.release().await?;
        }
        Ok(!ours.is_empty())
    }

    /// Lets another process deliver.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        self.lease.release().await
    }
}

impl Outbox {
    /// Returns the receivers for whom something waits, however much that is.
    pub async fn receivers(&self) -> Result<Vec<String>, StoreError> {
        let doing = "looking for receivers of notices";
        self.texts(doing, receivers(), OUTBOX_RECEIVER).await
    }

    /// Returns what waits for a receiver, the oldest first, at most `limit`. Rows that are no notices are removed: they would
    /// wait for ever.
    pub async fn waiting(&self, receiver: &str, limit: i64) -> Result<Vec<NoticeRow>, StoreError> {
        let rows = waiting(receiver).limit(limit).each(&self.coll).await?;
        let (mut notices, mut odd) = (Vec::new(), Vec::new());
        for row in rows {
            match row.read {
                Ok(notice) => notices.push(notice),
                Err(reason) => {
                    tracing::warn!(id = %row.id, reason, "a row of the outbox is no notice: removed");
                    odd.push(row.id);
                }
            }
        }
        if !odd.is_empty() {
            let removing = self.coll.named("removing rows that are no notices");
            removing
                .delete_many(doc! {"_id": {"$in": odd}})
                .send()
                .await?;
        }
        Ok(notices)
    }

    /// Notes that these notices were told.
    pub async fn told(&self, notices: &[NoticeId]) -> Result<(), StoreError> {
        let update = doc! {"$set": {"told": DateTime::now()}, "$unset": {"due": "", "error": ""}};
        self.change(notices, update, "noting what was told").await
    }

    /// Removes notices that are not to be told.
    pub async fn discard(&self, notices: &[NoticeId]) -> Result<(), StoreError> {
        if notices.is_empty() {
            return Ok(());
        }
        let discarding = self.coll.named("discarding notices");
        discarding.delete_many(of(notices)).send().await.map(drop)
    }

    /// Notes that a delivery of these notices failed for this reason.
    pub async fn failed(&self, notices: &[NoticeId], reason: &str) -> Result<(), StoreError> {
        let update = doc! {"$inc": {"tries": 1_i64}, "$set": {"error": cut(reason)}};
        self.change(notices, update, "noting a failed delivery")
            .await
    }

    /// Gives up these notices for this reason.
    pub async fn park(&self, notices: &[NoticeId], reason: &str) -> Result<(), StoreError> {
        self.change(notices, parked(reason), PARKING).await
    }

    /// Gives up what has waited for a receiver for longer than this. Returns the number of notices.
    pub async fn park_old(
        &self,
        receiver: &str,
        give_up: Duration,
        reason: &str,
    ) -> Result<u64, StoreError> {
        let give_up = i64::try_from(give_up.as_millis()).unwrap_or(i64::MAX >> 2);
        let before = DateTime::now().timestamp_millis().saturating_sub(give_up);
        self.park_until(receiver, DateTime::from_millis(before), reason)
            .await
    }

    pub(super) async fn park_until(
        &self,
        receiver: &str,
        until: DateTime,
        reason: &str,
    ) -> Result<u64, StoreError> {
        let old = doc! {"receiver": receiver, "due": {"$lte": until}};
        let parking = self.coll.named(PARKING).update_many(old, parked(reason));
        Ok(parking.send().await?.modified_count)
    }

    async fn change(
        &self,
        notices: &[NoticeId],
        update: Document,
        doing: &'static str,
    ) -> Result<(), StoreError> {
        if notices.is_empty() {
            return Ok(());
        }
        let changing = self.coll.named(doing).update_many(of(notices), update);
        changing.send().await.map(drop)
    }
}

fn of(notices: &[NoticeId]) -> Document {
    let ids: Vec<Bson> = notices.iter().map(NoticeId::bson).collect();
    doc! {"_id": {"$in": ids}}
}

/// Makes the update that gives a notice up.
fn parked(reason: &str) -> Document {
    doc! {"$set": {"parked": DateTime::now(), "error": cut(reason)}, "$unset": {"due": ""}}
}

fn cut(reason: &str) -> String {
    reason.chars().take(REASON_CHARS).collect()
}

/// Finds the receivers for whom something waits.
pub(crate) fn receivers() -> Vec<Document> {
    distinct("receiver", "due")
}

pub(crate) fn waiting(receiver: &str) -> Find {
    let filter = doc! {"receiver": receiver, "due": is_set()};
    let doing = "reading what waits for a receiver";
    Find::new(doing, OUTBOX_RECEIVER, filter)
        .within(&FIELDS, ROW_BYTES)
        .sort(doc! {"due": 1})
}
