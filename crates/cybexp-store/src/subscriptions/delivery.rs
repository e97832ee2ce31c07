//! Delivery of what waits in the outbox, by one process at a time. A receiver that fails rests, with all that waits for it.

use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};
use serde::Deserialize;

use crate::archive::ids::binary;
use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::mongo::indexes::{OUTBOX_DUE, OUTBOX_RECEIVER};
use crate::mongo::lease::Lease;
use crate::mongo::server::Server;
use crate::subscriptions::outbox::{FIELDS, NoticeId, NoticeRow, Outbox, ROW_BYTES};

/// The most characters of a reason that are kept.
const REASON_CHARS: usize = 300;
/// The rows that are looked at for receivers for whom something waits.
const LOOKED_AT: i64 = 1000;

/// The deliverer of the outbox.
pub struct OutboxDelivery {
    outbox: Outbox,
    lease: Lease,
}

#[derive(Deserialize)]
struct Due {
    receiver: String,
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
    /// Returns receivers for whom something is due, except these.
    pub async fn receivers(&self, except: &[String]) -> Result<Vec<String>, StoreError> {
        let rows: Vec<Due> = due(except).read(&self.coll).await?;
        let mut receivers: Vec<String> = rows.into_iter().map(|row| row.receiver).collect();
        receivers.sort_unstable();
        receivers.dedup();
        Ok(receivers)
    }

    /// Returns the time until something is due; `None` where nothing waits.
    pub async fn next_due(&self) -> Result<Option<Duration>, StoreError> {
        #[derive(Deserialize)]
        struct Next {
            due: DateTime,
        }
        let rows: Vec<Next> = next().read(&self.coll).await?;
        let next = rows.first().map(|row| row.due);
        Ok(next.map(|due| due.saturating_duration_since(DateTime::now())))
    }

    /// Returns what is due for a receiver, the oldest first, at most `limit`.
    pub async fn due(&self, receiver: &str, limit: i64) -> Result<Vec<NoticeRow>, StoreError> {
        due_for(receiver).limit(limit).read(&self.coll).await
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

    /// Notes that delivery of these notices failed for this reason, and puts off all that waits for the receiver until then.
    /// Parks notices that have waited for longer than `give_up`. Returns the number of parked notices.
    pub async fn failed(
        &self,
        receiver: &str,
        notices: &[NoticeId],
        reason: &str,
        rest: Duration,
        give_up: Duration,
    ) -> Result<u64, StoreError> {
        let reason: String = reason.chars().take(REASON_CHARS).collect();
        let update = doc! {"$inc": {"tries": 1_i64}, "$set": {"error": &reason}};
        self.change(notices, update, "noting a failed delivery")
            .await?;
        let now = DateTime::now();
        let before = |time: Duration| {
            let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX >> 2);
            DateTime::from_millis(now.timestamp_millis().saturating_sub(time))
        };
        let mut old = waiting_for(receiver);
        old.insert("at", doc! {"$lt": before(give_up)});
        let park = doc! {"$set": {"parked": now, "error": &reason}, "$unset": {"due": ""}};
        let parking = self.coll.named("parking notices").update_many(old, park);
        let parked = parking.send().await?.modified_count;
        let until = now.timestamp_millis() + i64::try_from(rest.as_millis()).unwrap_or(0);
        let until = DateTime::from_millis(until);
        let update = doc! {"$set": {"due": until}};
        let putting_off = self.coll.named("putting off what waits for a receiver");
        let mut early = waiting_for(receiver);
        early.insert("due", doc! {"$lt": until});
        putting_off.update_many(early, update).send().await?;
        Ok(parked)
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

fn waiting_for(receiver: &str) -> Document {
    doc! {"receiver": receiver, "due": {"$exists": true}}
}

pub(crate) fn due(except: &[String]) -> Find {
    let mut filter = doc! {"due": {"$lte": DateTime::now()}};
    if !except.is_empty() {
        filter.insert("receiver", doc! {"$nin": except});
    }
    Find::new("looking for notices that are due", OUTBOX_DUE, filter)
        .project(doc! {"_id": 0, "receiver": 1})
        .limit(LOOKED_AT)
}

pub(crate) fn next() -> Find {
    let filter = doc! {"due": {"$gte": DateTime::from_millis(0)}};
    Find::new("asking when a notice is due", OUTBOX_DUE, filter)
        .project(doc! {"_id": 0, "due": 1})
        .sort(doc! {"due": 1})
        .limit(1)
}

pub(crate) fn due_for(receiver: &str) -> Find {
    let filter = doc! {"receiver": receiver, "due": {"$lte": DateTime::now()}};
    Find::new(
        "reading what is due for a receiver",
        OUTBOX_RECEIVER,
        filter,
    )
    .within(&FIELDS, ROW_BYTES)
    .sort(doc! {"due": 1})
}
