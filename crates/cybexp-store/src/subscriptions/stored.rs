//! Subscriptions as they are stored, and how analytics finds those that a batch meets.
//!
//! A watched value is found by the hashes of its forms, which an index holds. A look-up takes the server some 30 µs, so a
//! batch asks only for those of its hashes that a process knows to be watched (`watched.rs`). Subscriptions to feeds and
//! to kinds of events are few, and are read whole when a version says that some have changed.

use std::collections::HashSet;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use futures::FutureExt;
use mongodb::options::ReturnDocument;
use serde::Deserialize;
use tahoe_core::Hash;

use crate::archive::ids::binary;
use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::{
    self, ID, SUBSCRIPTION_SELECTS, SUBSCRIPTION_USER, SUBSCRIPTION_WATCH,
};
use crate::mongo::server::Server;
use crate::mongo::transaction;
use crate::subscriptions::definition::{Subscription, SubscriptionId};

/// Row with the version of the subscriptions and the types of watched values.
const STANDING: &str = "*standing";
/// The most bytes of a subscription. Larger ones are not ours.
const ROW_BYTES: usize = 64 << 10;
/// The most subscriptions to feeds and to kinds of events, of all users.
const SELECTING: i64 = 10_000;
/// The bytes of a watched hash that are stored.
pub(super) const WATCH_BYTES: usize = 16;
/// The most subscriptions that are found for a thousand hashes.
const FOUND: i64 = 10_000;

const ADDING: &str = "adding a subscription";
const CHANGING: &str = "changing the version of subscriptions";

/// Subscriptions: `report_db.subscriptions`; cheap to clone.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    pub(crate) coll: Documents,
}

/// A subscription as a text, with the authentication code of who made it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StoredSubscription {
    /// The identity.
    #[serde(rename = "_id")]
    pub id: SubscriptionId,
    /// The JSON of a [`Subscription`].
    pub text: String,
    /// The code over identity and text.
    pub mac: String,
}

/// The state of all subscriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionStanding {
    /// A number that each change raises.
    pub version: i64,
    /// The types of values that are watched.
    pub sub_types: HashSet<String>,
}

#[derive(Deserialize)]
struct StoredStanding {
    #[serde(default)]
    version: i64,
    #[serde(default)]
    types: Document,
}

impl Subscriptions {
    /// Opens the collection and makes its indexes.
    ///
    /// # Errors
    /// The server does not answer, or refuses an index.
    pub async fn open(server: &Server, db: &str) -> Result<Self, StoreError> {
        let coll = server.collection(db, "subscriptions");
        indexes::ensure(&coll, &indexes::subscriptions()).await?;
        Ok(Self { coll })
    }

    /// Adds a subscription. Whoever sees the version that this raises sees the subscription.
    pub async fn add(
        &self,
        subscription: &Subscription,
        stored: &StoredSubscription,
    ) -> Result<(), StoreError> {
        let (raise, row) = (raised(subscription, 1), row(subscription, stored));
        let adding = (self.coll.clone(), stored.id.0, raise, row);
        transaction::run(&self.coll, ADDING, adding, |session, adding| {
            async move {
                let (coll, id, raise, row) = adding;
                let raising = coll
                    .named(ADDING)
                    .find_one_and_update(doc! {"_id": STANDING}, doc! {"$inc": raise.clone()});
                let raising = raising
                    .with(|raising| raising.upsert(true).return_document(ReturnDocument::After));
                let standing = raising.part().session(&mut *session).await?;
                let version = standing.and_then(|standing| standing.get_i64("version").ok());
                if row.contains_key("watch") {
                    row.insert("since", version.unwrap_or_default());
                }
                let adding = coll
                    .named(ADDING)
                    .update_one(doc! {"_id": *id}, doc! {"$set": row.clone()});
                let adding = adding.with(|adding| adding.upsert(true)).part();
                adding.session(session).await.map(drop)
            }
            .boxed()
        })
        .await
    }

    /// Removes a subscription of this user. Returns false if there is none.
    pub async fn remove(
        &self,
        id: SubscriptionId,
        subscription: &Subscription,
    ) -> Result<bool, StoreError> {
        let filter = doc! {"_id": id.0, "user": &subscription.user};
        let removing = self.coll.named("removing a subscription");
        let removed = removing.delete_one(filter).send().await?.deleted_count == 1;
        if removed {
            let lower = doc! {"$inc": raised(subscription, -1)};
            let changing = self.coll.named(CHANGING);
            let changing = changing.update_one(doc! {"_id": STANDING}, lower);
            changing.send().await?;
        }
        Ok(removed)
    }

    /// Returns the version, and the types of watched values.
    pub async fn standing(&self) -> Result<SubscriptionStanding, StoreError> {
        let rows: Vec<StoredStanding> = standing().read(&self.coll).await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(SubscriptionStanding::default());
        };
        let watched = |count: &Bson| match count {
            Bson::Int32(n) => *n > 0,
            Bson::Int64(n) => *n > 0,
            _ => false,
        };
        let types = row.types.into_iter().filter(|(_, count)| watched(count));
        Ok(SubscriptionStanding {
            version: row.version,
            sub_types: types.map(|(sub_type, _)| sub_type).collect(),
        })
    }

    /// Returns the subscriptions to feeds and to kinds of events.
    pub async fn selecting(&self) -> Result<Vec<StoredSubscription>, StoreError> {
        selecting().read(&self.coll).await
    }

    /// Returns the subscriptions that watch one of these hashes.
    pub async fn watching(&self, hashes: &[Hash]) -> Result<Vec<StoredSubscription>, StoreError> {
        let parts = hashes
            .chunks(ASK)
            .map(|part| watching(part).read(&self.coll));
        let found: Vec<Vec<StoredSubscription>> = futures::future::try_join_all(parts).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Returns the subscriptions of these ids.
    pub async fn of_ids(
        &self,
        ids: &[SubscriptionId],
    ) -> Result<Vec<StoredSubscription>, StoreError> {
        let mut found = Vec::new();
        for part in ids.chunks(ASK) {
            found.extend(of_ids(part).read(&self.coll).await?);
        }
        Ok(found)
    }

    /// Returns subscriptions of a user in the order in which they were made, after this one, at most `limit`.
    pub async fn of_user(
        &self,
        user: Hash,
        after: Option<SubscriptionId>,
        limit: i64,
    ) -> Result<Vec<StoredSubscription>, StoreError> {
        of_user(user, after).limit(limit).read(&self.coll).await
    }

    /// Returns the number of subscriptions of a user, up to `limit`.
    pub async fn count(&self, user: Hash, limit: i64) -> Result<u64, StoreError> {
        of_user(user, None).limit(limit).count(&self.coll).await
    }
}

/// Returns the numbers of the standing that change: the version, and how often the types of a watched value are watched.
fn raised(subscription: &Subscription, by: i64) -> Document {
    let mut changes = doc! {"version": 1_i64};
    let types: HashSet<&str> = subscription
        .forms()
        .iter()
        .map(|(sub_type, _)| sub_type.as_str())
        .collect();
    for sub_type in types {
        changes.insert(format!("types.{sub_type}"), by);
    }
    changes
}

fn row(subscription: &Subscription, stored: &StoredSubscription) -> Document {
    let mut row = doc! {
        "user": &subscription.user, "text": &stored.text, "mac": &stored.mac,
    };
    let forms = subscription.forms();
    if forms.is_empty() {
        row.insert("selects", true);
    } else {
        let forms = forms.iter().map(|(_, hash)| watch(*hash));
        row.insert("watch", forms.collect::<Vec<_>>());
    }
    row
}

/// Returns the key by which a watched hash is found. 16 bytes of it are told by nobody else.
fn watch(hash: Hash) -> Bson {
    binary(hash.as_bytes()[..WATCH_BYTES].to_vec())
}

fn find(doing: &'static str, index: &'static str, filter: Document) -> Find {
    Find::new(doing, index, filter).within(&["text", "mac"], ROW_BYTES)
}

pub(crate) fn standing() -> Find {
    let filter = doc! {"_id": STANDING};
    Find::new("asking for the version of subscriptions", ID, filter)
}

pub(crate) fn selecting() -> Find {
    let filter = doc! {"selects": true};
    find(
        "reading subscriptions to feeds and events",
        SUBSCRIPTION_SELECTS,
        filter,
    )
    .limit(SELECTING)
}

pub(crate) fn watching(hashes: &[Hash]) -> Find {
    let hashes: Vec<Bson> = hashes.iter().copied().map(watch).collect();
    let filter = doc! {"watch": {"$in": hashes}};
    find(
        "asking which values are watched",
        SUBSCRIPTION_WATCH,
        filter,
    )
    .limit(FOUND)
}

fn of_ids(ids: &[SubscriptionId]) -> Find {
    let ids: Vec<ObjectId> = ids.iter().map(|id| id.0).collect();
    let filter = doc! {"_id": {"$in": ids}};
    find("reading subscriptions", ID, filter)
}

pub(crate) fn of_user(user: Hash, after: Option<SubscriptionId>) -> Find {
    let mut filter = doc! {"user": user.to_string()};
    if let Some(after) = after {
        filter.insert("_id", doc! {"$gt": after.0});
    }
    find("listing subscriptions", SUBSCRIPTION_USER, filter).sort(doc! {"_id": 1})
}
