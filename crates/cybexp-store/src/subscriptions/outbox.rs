//! The outbox: a row for each notice, which waits until its receiver has it.
//!
//! The `_id` of a row follows from subscription and event, so a notice that is written twice is one. A row stays for eight
//! days after it was told: whoever writes it again in that time changes nothing. Analytics tells no raw that is older.

use std::fmt;
use std::str::FromStr;

use bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use mongodb::options::Hint;
use serde::Deserialize;
use tahoe_core::Hash;

use crate::archive::ids::binary;
use crate::error::{Doing, StoreError};
use crate::mongo::bulk;
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::{self, OUTBOX_PAGE, OUTBOX_PARKED};
use crate::mongo::server::Server;
use crate::mongo::watch::Watch;
use crate::subscriptions::definition::{Channel, Subscription, SubscriptionId};

const WRITING: &str = "writing notices";

/// The most bytes of a notice. Larger ones are not ours.
pub(super) const ROW_BYTES: usize = 64 << 10;
/// The most different texts of a field, such as receivers, that are looked at.
const DISTINCT: i64 = 100_000;
/// Bytes of a notice's identity: those of the subscription, and those of the hash of what is told.
const ID_BYTES: usize = 44;

/// A text that rows of the outbox have.
#[derive(Deserialize)]
struct Text {
    #[serde(rename = "_id")]
    text: String,
}

/// The outbox: `report_db.outbox`; cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    pub(crate) coll: Documents,
}

/// The identity of a notice, by which a receiver knows it again. As text it is 88 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoticeId([u8; ID_BYTES]);

impl NoticeId {
    /// Returns the identity of the notice that tells a subscriber of the event of this hash.
    pub fn of(subscription: SubscriptionId, told: Hash) -> Self {
        let mut id = [0; ID_BYTES];
        id[..12].copy_from_slice(&subscription.bytes());
        id[12..].copy_from_slice(told.as_bytes());
        Self(id)
    }

    /// Returns its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the subscription.
    pub fn subscription(&self) -> SubscriptionId {
        let mut id = [0; 12];
        id.copy_from_slice(&self.0[..12]);
        SubscriptionId(bson::oid::ObjectId::from_bytes(id))
    }

    pub(crate) fn bson(&self) -> Bson {
        binary(self.0.to_vec())
    }
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no identity of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a notice")]
pub struct InvalidNoticeId;

impl FromStr for NoticeId {
    type Err = InvalidNoticeId;

    fn from_str(text: &str) -> Result<Self, InvalidNoticeId> {
        if text.len() != 2 * ID_BYTES || !text.is_ascii() {
            return Err(InvalidNoticeId);
        }
        let mut id = [0; ID_BYTES];
        for (n, byte) in id.iter_mut().enumerate() {
            let digits = &text[2 * n..2 * n + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| InvalidNoticeId)?;
        }
        Ok(Self(id))
    }
}

impl<'de> Deserialize<'de> for NoticeId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = bson::Binary::deserialize(deserializer)?;
        let id = <[u8; ID_BYTES]>::try_from(id.bytes.as_slice());
        id.map(Self)
            .map_err(|_| serde::de::Error::custom(InvalidNoticeId))
    }
}

/// A notice that is about to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The identity.
    pub id: NoticeId,
    /// The content, as JSON.
    pub text: String,
    /// The authentication code over identity and text.
    pub mac: String,
}

/// A notice as a user sees it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct NoticeRow {
    /// The identity.
    #[serde(rename = "_id")]
    pub id: NoticeId,
    /// The content, as JSON.
    pub text: String,
    /// The authentication code over identity and text.
    pub mac: String,
    /// When it was written.
    at: bson::DateTime,
    /// When delivery was given up.
    #[serde(default)]
    parked: Option<bson::DateTime>,
    /// The number of failed deliveries.
    #[serde(default)]
    pub tries: i64,
    /// The reason of the last failure.
    #[serde(default)]
    pub error: Option<String>,
}

pub(super) const FIELDS: [&str; 6] = ["text", "mac", "at", "parked", "tries", "error"];

pub(super) fn seconds(time: bson::DateTime) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

impl NoticeRow {
    /// Returns when the notice was written, in Unix seconds.
    pub fn at(&self) -> f64 {
        seconds(self.at)
    }

    /// Returns when delivery was given up, in Unix seconds.
    pub fn parked(&self) -> Option<f64> {
        self.parked.map(seconds)
    }
}

impl Outbox {
    /// Opens the collection and makes its indexes.
    ///
    /// # Errors
    /// The server does not answer, or refuses an index.
    pub async fn open(server: &Server, db: &str) -> Result<Self, StoreError> {
        let coll = server.collection(db, "outbox");
        indexes::ensure(&coll, &indexes::outbox()).await?;
        Ok(Self { coll })
    }

    /// Returns a watch that wakes when a notice was written.
    pub fn watch(&self) -> Watch {
        let retried = doc! {"updateDescription.updatedFields.retried": {"$exists": true}};
        let of = doc! {"$or": [{"operationType": "insert"}, retried]};
        Watch::new(self.coll.clone(), of)
    }

    /// Writes notices for these subscriptions. Those that were written before are left as they are. Waits for a majority.
    pub async fn write(&self, notices: &[(&Subscription, Notice)]) -> Result<(), StoreError> {
        if notices.is_empty() {
            return Ok(());
        }
        let now = bson::DateTime::now();
        let mut rows = Vec::with_capacity(notices.len());
        for (subscription, notice) in notices {
            let mut row = doc! {
                "_id": notice.id.bson(), "user": &subscription.user, "at": now, "text": &notice.text,
                "mac": &notice.mac,
            };
            match subscription.channel {
                // nobody delivers it: it is told by being there
                Channel::Page => {
                    row.insert("told", now);
                    row.insert("page", now);
                }
                Channel::Webhook { .. } | Channel::Mail => {
                    row.insert("receiver", subscription.receiver());
                    row.insert("due", now);
                }
            }
            rows.push(RawDocumentBuf::try_from(&row).doing(WRITING)?);
        }
        bulk::insert_whole(&self.coll, &rows, WRITING).await
    }

    /// Returns the last notices of a user that the pages show, newest first, at most `limit`.
    pub async fn page(&self, user: Hash, limit: i64) -> Result<Vec<NoticeRow>, StoreError> {
        page(user).limit(limit).read(&self.coll).await
    }

    /// Returns the notices of a user whose delivery was given up, newest first, at most `limit`.
    pub async fn parked(&self, user: Hash, limit: i64) -> Result<Vec<NoticeRow>, StoreError> {
        parked(user).limit(limit).read(&self.coll).await
    }

    /// Has parked notices of a user delivered again: this one, or all. Returns their number.
    pub async fn retry(&self, user: Hash, one: Option<NoticeId>) -> Result<u64, StoreError> {
        let mut filter = parked(user).filter;
        if let Some(one) = one {
            filter.insert("_id", one.bson());
        }
        let now = bson::DateTime::now();
        let update = doc! {
            "$set": {"due": now, "at": now, "retried": now}, "$unset": {"parked": "", "tries": "", "error": ""},
        };
        let retrying = self.coll.named("delivering parked notices again");
        let retried = retrying.update_many(filter, update).send().await?;
        Ok(retried.modified_count)
    }

    /// Returns the texts that a pipeline of [`distinct`] finds, with the index of this name.
    pub(super) async fn texts(
        &self,
        doing: &'static str,
        pipeline: Vec<Document>,
        index: &str,
    ) -> Result<Vec<String>, StoreError> {
        let finding = self.coll.named(doing).aggregate(pipeline);
        let finding = finding.with(|find| find.hint(Hint::Name(index.to_owned())));
        let rows: Vec<Text> = finding.rows().await?.read().await?;
        Ok(rows.into_iter().map(|row| row.text).collect())
    }

    /// Returns the number of notices whose delivery was given up, up to `limit`.
    pub async fn count_parked(&self, limit: i64) -> Result<u64, StoreError> {
        all_parked().limit(limit).count(&self.coll).await
    }
}

/// Makes the condition on a time that a row has. The indexes of such times hold no other rows.
pub(super) fn is_set() -> Document {
    doc! {"$gte": DateTime::from_millis(0)}
}

/// Finds the different texts of a field among rows that have a time, each by one look into the index of both.
pub(super) fn distinct(field: &str, time: &str) -> Vec<Document> {
    vec![
        doc! {"$match": {field: {"$gte": ""}, time: is_set()}},
        doc! {"$group": {"_id": format!("${field}")}},
        doc! {"$limit": DISTINCT},
    ]
}

pub(crate) fn page(user: Hash) -> Find {
    let filter = doc! {"user": user.to_string(), "page": {"$exists": true}};
    let find = Find::new("listing notices", OUTBOX_PAGE, filter);
    find.within(&FIELDS, ROW_BYTES).sort(doc! {"page": -1})
}

pub(crate) fn parked(user: Hash) -> Find {
    let filter = doc! {"user": user.to_string(), "parked": {"$exists": true}};
    let find = Find::new("listing parked notices", OUTBOX_PARKED, filter);
    find.within(&FIELDS, ROW_BYTES).sort(doc! {"parked": -1})
}

pub(crate) fn all_parked() -> Find {
    let filter = doc! {"parked": {"$exists": true}, "user": {"$gte": ""}};
    Find::new("counting parked notices", OUTBOX_PARKED, filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_subscription_and_event() {
        let subscription = SubscriptionId::new();
        let id = NoticeId::of(subscription, Hash::of(&["event"]));
        assert_eq!(id.subscription(), subscription);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 88);
        for wrong in ["", "é", &"x".repeat(88), &"0".repeat(87)] {
            assert_eq!(wrong.parse::<NoticeId>(), Err(InvalidNoticeId), "{wrong}");
        }
    }
}
