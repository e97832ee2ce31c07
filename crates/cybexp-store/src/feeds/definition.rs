//! Feeds as they are stored.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use mongodb::options::ReturnDocument;
use serde::{Deserialize, Serialize};

use crate::error::{Doing, StoreError};
use crate::mongo::collection::{Documents, from_document};
use crate::mongo::find::Find;
use crate::mongo::indexes::{self, ID};
use crate::mongo::server::Server;

/// The most feeds of a site. Each is kept up to date for each event.
const FEEDS: i64 = 1000;

/// A named selection of values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feed {
    /// The feed's name.
    #[serde(rename = "_id")]
    pub name: String,
    /// The part of its values' ids that is the feed's: one of the same name later has another.
    pub key: ObjectId,
    /// The description, for people.
    pub description: String,
    /// The name of the organisation that shares the feed.
    pub organisation: String,
    /// The hashes of the organisations from whose events it is made.
    pub orgs: Vec<String>,
    /// The hash of the user who made it, and who must stay an admin of all these organisations.
    pub maker: String,
    /// The types of its values.
    pub sub_types: Vec<String>,
    /// The context of its values in their events: `malicious`, `benign`, `unknown` or `all`.
    pub context: String,
    /// The category of the events; `None` for any.
    #[serde(default)]
    pub category: Option<String>,
    /// The least number of events of a value.
    pub min_count: i64,
    /// How long a value stays after its last event, in seconds.
    pub keep_s: i64,
    /// The TLP label of the feed.
    pub tlp: String,
    /// Whether formats with comments tell reasons and dates.
    pub comments: bool,
    /// SHA-256 of the token with which the feed is read, in hexadecimal digits.
    pub token: String,
    /// When it was made, in Unix seconds.
    pub created: f64,
    /// The number of its last change.
    pub seq: i64,
    /// When it last changed, in Unix seconds.
    pub changed: f64,
    /// Whether rows are being written that belong to the next change.
    #[serde(default)]
    pub(crate) writing: bool,
    /// The place up to which the archive was searched for its values; absent when it was searched whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) walk: Option<String>,
    /// Whether the archive was ever searched whole. A value that comes in since is news.
    #[serde(default)]
    pub(crate) searched: bool,
    /// Whether the archive is to be searched once more after that.
    #[serde(default)]
    pub(crate) again: bool,
    /// The place up to which the rows of an earlier version got the numbers of their observables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) numbered: Option<String>,
    /// Whether all rows have them.
    #[serde(default)]
    pub(crate) findable: bool,
    /// The reason why it is not served: its maker lacks a right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<String>,
}

impl Feed {
    /// Whether the archive was searched for its values, so that none is missing.
    pub fn is_whole(&self) -> bool {
        self.walk.is_none()
    }

    /// Whether its values are found by their observables, with [`Feeds::of_observables`].
    pub fn is_findable(&self) -> bool {
        self.findable
    }
}

/// A feed that is about to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFeed {
    /// See [`Feed::name`]; the other fields, too, are those of the feed.
    pub name: String,
    /// The description, for people.
    pub description: String,
    /// The name of the organisation that shares the feed.
    pub organisation: String,
    /// The hashes of the organisations from whose events it is made.
    pub orgs: Vec<String>,
    /// The hash of its maker.
    pub maker: String,
    /// The types of its values.
    pub sub_types: Vec<String>,
    /// The context of its values.
    pub context: String,
    /// The category of the events.
    pub category: Option<String>,
    /// The least number of events.
    pub min_count: i64,
    /// How long a value stays, in seconds.
    pub keep_s: i64,
    /// The TLP label.
    pub tlp: String,
    /// Whether formats with comments have them.
    pub comments: bool,
    /// SHA-256 of the token, in hexadecimal digits.
    pub token: String,
}

impl NewFeed {
    /// Makes the feed as it is at this time, in Unix seconds: without values, and with the archive to be searched for them.
    pub fn at(self, now: f64) -> Feed {
        Feed {
            name: self.name,
            key: ObjectId::new(),
            description: self.description,
            organisation: self.organisation,
            orgs: self.orgs,
            maker: self.maker,
            sub_types: self.sub_types,
            context: self.context,
            category: self.category,
            min_count: self.min_count,
            keep_s: self.keep_s,
            tlp: self.tlp,
            comments: self.comments,
            token: self.token,
            created: now,
            seq: 0,
            changed: now,
            writing: false,
            walk: Some(String::new()),
            searched: false,
            again: false,
            numbered: None,
            findable: true,
            suspended: None,
        }
    }
}

/// Feeds and their values; cheap to clone.
#[derive(Debug, Clone)]
pub struct Feeds {
    pub(crate) feeds: Documents,
    pub(crate) values: Documents,
}

impl Feeds {
    /// Opens the collections and makes their indexes.
    ///
    /// # Errors
    /// The server does not answer, or refuses an index.
    pub async fn open(server: &Server, db: &str) -> Result<Self, StoreError> {
        let feeds = Self {
            feeds: server.collection(db, "feeds"),
            values: server.collection(db, "feed_values"),
        };
        indexes::ensure(&feeds.values, &indexes::feed_values()).await?;
        Ok(feeds)
    }

    /// Adds a feed. Returns false if there is one of the name.
    pub async fn add(&self, feed: &Feed) -> Result<bool, StoreError> {
        let doing = "adding a feed";
        let row = bson::serialize_to_document(feed).doing(doing)?;
        let filter = doc! {"_id": &feed.name};
        let adding = self
            .feeds
            .named(doing)
            .update_one(filter, doc! {"$setOnInsert": row});
        let added = adding.with(|update| update.upsert(true)).send().await?;
        Ok(added.upserted_id.is_some())
    }

    /// Returns all feeds, by name.
    pub async fn list(&self) -> Result<Vec<Feed>, StoreError> {
        all().read(&self.feeds).await
    }

    /// Returns the feed of a name.
    pub async fn get(&self, name: &str) -> Result<Option<Feed>, StoreError> {
        Ok(named(name).read(&self.feeds).await?.pop())
    }

    /// Returns the feed of a token, given by its hash.
    pub async fn of_token(&self, token: &str) -> Result<Option<Feed>, StoreError> {
        Ok(with_token(token).read(&self.feeds).await?.pop())
    }

    /// Removes a feed and its values. Returns false if there is none of the name.
    pub async fn remove(&self, name: &str) -> Result<bool, StoreError> {
        let Some(feed) = self.get(name).await? else {
            return Ok(false);
        };
        let doing = "removing a feed";
        let removing = self
            .feeds
            .named(doing)
            .delete_one(doc! {"_id": name, "key": feed.key});
        let removed = removing.send().await?.deleted_count == 1;
        let rows = doc! {"_id": super::rows::ids_of(feed.key)};
        self.values.named(doing).delete_many(rows).send().await?;
        Ok(removed)
    }

    /// Changes fields of a feed, and returns the feed as it is then; `None` if it is gone.
    pub(crate) async fn change(
        &self,
        feed: &Feed,
        update: Document,
        doing: &'static str,
    ) -> Result<Option<Feed>, StoreError> {
        let filter = doc! {"_id": &feed.name, "key": feed.key};
        let changing = self.feeds.named(doing).find_one_and_update(filter, update);
        let changing = changing.with(|update| update.return_document(ReturnDocument::After));
        let changed = changing.send().await?;
        Ok(changed.and_then(|feed| from_document(&feed).ok()))
    }

    /// Suspends a feed for this reason, or ends that.
    pub async fn suspend(&self, feed: &Feed, reason: Option<&str>) -> Result<(), StoreError> {
        let update = match reason {
            Some(reason) => doc! {"$set": {"suspended": reason}},
            None => doc! {"$unset": {"suspended": ""}},
        };
        self.change(feed, update, "suspending a feed")
            .await
            .map(drop)
    }

    /// Changes the token of a feed, given by its hash.
    pub async fn set_token(&self, feed: &Feed, token: &str) -> Result<(), StoreError> {
        let update = doc! {"$set": {"token": token}};
        self.change(feed, update, "changing the token of a feed")
            .await
            .map(drop)
    }
}

pub(crate) fn all() -> Find {
    let filter = doc! {"_id": {"$type": "string"}, "key": {"$type": "objectId"}};
    Find::new("listing feeds", ID, filter)
        .sort(doc! {"_id": 1})
        .limit(FEEDS)
}

/// Finds the feed of a token, among the few that there are.
pub(crate) fn with_token(token: &str) -> Find {
    let filter = doc! {"_id": {"$type": "string"}, "token": token};
    Find::new("looking for the feed of a token", ID, filter).limit(1)
}

pub(crate) fn named(name: &str) -> Find {
    Find::new("looking for a feed", ID, doc! {"_id": Bson::from(name)})
}
