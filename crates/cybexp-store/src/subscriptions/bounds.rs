//! Bounds of the outbox: the most that waits for a receiver, and the most that is kept of what a user was not told.
//!
//! The oldest are too much. Of notices that wait they are given up, and of those that were given up they are removed.

use bson::{DateTime, Document, doc};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::error::StoreError;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::{OUTBOX_PARKED, OUTBOX_RECEIVER};
use crate::subscriptions::delivery;
use crate::subscriptions::outbox::{self, NoticeId, Outbox, distinct, is_set};

/// The most notices that one call removes. The next one goes on.
const REMOVED: usize = 100 * ASK;

#[derive(Deserialize)]
struct Place {
    due: DateTime,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "_id")]
    id: NoticeId,
}

impl Outbox {
    /// Gives up the oldest notices of a receiver for whom more than `most` wait. Returns their number; those of one
    /// millisecond are given up together.
    pub async fn park_beyond(&self, receiver: &str, most: u64) -> Result<u64, StoreError> {
        let places: Vec<Place> = beyond(receiver, most).read(&self.coll).await?;
        let Some(first) = places.first() else {
            return Ok(0);
        };
        let reason = format!("more than {most} notices waited for the receiver");
        self.park_until(receiver, first.due, &reason).await
    }

    /// Removes the oldest notices of a user for whom more than `most` were given up. Returns their number.
    pub async fn remove_beyond(&self, user: Hash, most: u64) -> Result<u64, StoreError> {
        // by the index alone: most often nothing is too much
        let limit = i64::try_from(most).map_or(i64::MAX, |most| most.saturating_add(1));
        if all_parked(user).limit(limit).count(&self.coll).await? <= most {
            return Ok(0);
        }
        let mut removed = 0;
        while removed < REMOVED {
            let rows: Vec<Row> = parked_beyond(user, most).read(&self.coll).await?;
            if rows.is_empty() {
                break;
            }
            removed += rows.len();
            let ids: Vec<NoticeId> = rows.iter().map(|row| row.id).collect();
            self.discard(&ids).await?;
        }
        Ok(removed as u64)
    }

    /// Returns the users for whom notices were given up, however many these are.
    pub async fn users_of_parked(&self) -> Result<Vec<Hash>, StoreError> {
        let doing = "looking for users of parked notices";
        let users = self.texts(doing, users_of_parked(), OUTBOX_PARKED).await?;
        Ok(users.iter().filter_map(|user| user.parse().ok()).collect())
    }

    /// Returns the number of notices that wait, up to `limit`.
    pub async fn count_waiting(&self, limit: i64) -> Result<u64, StoreError> {
        all_waiting().limit(limit).count(&self.coll).await
    }
}

/// Finds the newest notice that is too much for a receiver.
pub(crate) fn beyond(receiver: &str, most: u64) -> Find {
    let mut find = delivery::waiting(receiver)
        .sort(doc! {"due": -1})
        .skip(most)
        .limit(1)
        .project(doc! {"_id": 0, "due": 1});
    find.doing = "looking for too many notices of a receiver";
    find
}

/// Finds all notices that were given up for a user, in no order.
pub(crate) fn all_parked(user: Hash) -> Find {
    let filter = doc! {"user": user.to_string(), "parked": is_set()};
    Find::new(
        "counting the parked notices of a user",
        OUTBOX_PARKED,
        filter,
    )
}

/// Finds notices that are too much for a user.
pub(crate) fn parked_beyond(user: Hash, most: u64) -> Find {
    let mut find = outbox::parked(user)
        .skip(most)
        .limit(ASK as i64)
        .project(doc! {"_id": 1});
    find.doing = "looking for too many parked notices of a user";
    find
}

/// Finds the users for whom notices were given up.
pub(crate) fn users_of_parked() -> Vec<Document> {
    distinct("user", "parked")
}

/// Finds all notices that wait.
pub(crate) fn all_waiting() -> Find {
    let filter = doc! {"receiver": {"$gte": ""}, "due": is_set()};
    Find::new("counting notices that wait", OUTBOX_RECEIVER, filter)
}
