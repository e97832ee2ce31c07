//! Keeps the values of all feeds up to date, in one process at a time.
//!
//! A value is judged whenever an event that holds it is written or judged, when its time is over, and when the archive is
//! searched for a new feed. Judging reads the index: what a feed holds follows from the archive alone, so that judging
//! twice, or in another order, makes no difference.
//!
//! Rows are written first, under a mark on the feed, and then the feed's number is raised, which is what readers compare:
//! who finds the new number finds the rows. A keeper that died between the two left the mark, and the next one raises the
//! number.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use tahoe_core::{Attribute, Hash, Scalar};

use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::feeds::definition::{Feed, Feeds};
use crate::feeds::observables::{FeedObservable, OBSERVABLE, number};
use crate::feeds::removed::RemovedValues;
use crate::feeds::rows::{FeedValue, hash_of, id_of, ids_of};
use crate::feeds::standing::{FeedConditions, FeedStanding, attribute, attributes};
use crate::graph::read::reader::GraphReader;
use crate::mongo::bulk::{self, Update};
use crate::mongo::changes::EventStream;
use crate::mongo::collection::from_document;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::{FEED_UNTIL, ID};
use crate::mongo::lease::Lease;
use crate::mongo::server::Server;

/// The values that are judged at the same time.
const AT_ONCE: usize = 16;
/// The values whose time is over that one step looks at.
const OVER: i64 = 1000;
/// A row is not written again for a later last event unless it is later by this many seconds: an attacker of every minute
/// would make the feed new every minute.
const GRAIN_S: f64 = 3600.0;
/// The least time between two searches because events were removed.
const AGAIN: Duration = Duration::from_secs(600);
/// The time after which the place of the events is noted although there were none: it must not fall out of the server's log.
const NOTED: Duration = Duration::from_secs(60);
/// Row with the place up to which events were taken. It is no feed: it has no key.
const PLACE: &str = "*events";

const JUDGING: &str = "judging the values of a feed";
const WRITING: &str = "writing the values of a feed";

/// Judges a value beyond its events: whether it is known to be good, or was judged to be a false positive.
pub type FeedJudge =
    Arc<dyn Fn(Attribute, Feed) -> BoxFuture<'static, Result<bool, StoreError>> + Send + Sync>;

/// A value that comes into a feed or leaves it.
#[derive(Debug, Clone)]
pub struct FeedChange {
    /// The value.
    pub value: Attribute,
    /// Whether it leaves.
    pub leaves: bool,
    /// The time of its last event, in Unix seconds; of one that leaves, the last that the feed told of.
    pub last: f64,
    /// When the feed's row of the value changed before, in Unix seconds; `None` if there was none.
    pub before: Option<f64>,
}

/// Tells those who subscribe to a feed of changes, before the feed has them. It may be called again with the same ones.
pub type FeedTeller =
    Arc<dyn Fn(Feed, Vec<FeedChange>) -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync>;

/// The result of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedKept {
    /// Events that were looked at.
    pub events: u64,
    /// Values that came into a feed.
    pub added: u64,
    /// Values that left a feed.
    pub removed: u64,
    /// Whether there is more to do at once.
    pub more: bool,
}

/// Keeps feeds.
pub struct FeedKeeper {
    keeping: Keeping,
    lease: Lease,
    stream: Option<EventStream>,
    /// Whether events were removed since the last search for that reason, and when that was.
    removed: bool,
    searched: Option<Instant>,
    /// Values of removed events, which are looked at at once.
    gone: RemovedValues,
    /// When the place of the events was last noted.
    noted: Option<Instant>,
    /// Whether there are no feeds.
    resting: bool,
}

/// The part of a keeper that several judgements share.
struct Keeping {
    feeds: Feeds,
    archive: Archive,
    graph: GraphReader,
    may_hold: FeedJudge,
    teller: Option<FeedTeller>,
    marks: FeedMarks,
}

/// The marks by which formats find a value again.
#[derive(Debug, Clone, Copy)]
pub struct FeedMarks {
    /// Makes the place of a value in a MISP feed of its type, text and time.
    pub place: fn(&str, &str, f64) -> i64,
    /// Makes the UUID of a value's STIX observable.
    pub observable: FeedObservable,
}

/// The outcome of judging a value.
type Judged = (Hash, Attribute, Option<FeedStanding>);

impl FeedKeeper {
    /// Makes a keeper. `may_hold` says whether feeds may hold a value, whatever its events say.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn open(
        server: &Server,
        db: &str,
        archive: &Archive,
        graph: GraphReader,
        may_hold: FeedJudge,
        marks: FeedMarks,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            keeping: Keeping {
                feeds: Feeds::open(server, db).await?,
                archive: archive.clone(),
                graph,
                may_hold,
                teller: None,
                marks,
            },
            lease: Lease::open(server, db, "feeds").await?,
            stream: None,
            removed: false,
            searched: None,
            gone: RemovedValues::default(),
            noted: None,
            resting: false,
        })
    }

    /// Returns the same keeper with a teller of values that come into feeds and leave them.
    pub fn with_teller(mut self, teller: FeedTeller) -> Self {
        self.keeping.teller = Some(teller);
        self
    }

    /// Whether this process is the one that keeps the feeds, for the next half minute.
    pub async fn holds(&mut self) -> Result<bool, StoreError> {
        let item = crate::archive::ids::binary(b"feeds".to_vec());
        let ours = self.lease.take_items(vec![item]).await?;
        if ours.is_empty() {
            self.stream = None;
            // a lease that waits would take the other's place when that one renews its own
            self.lease.release().await?;
        }
        Ok(!ours.is_empty())
    }

    /// Lets another process keep the feeds.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        self.lease.release().await
    }

    /// Returns the feeds that are kept.
    pub fn feeds(&self) -> &Feeds {
        &self.keeping.feeds
    }

    /// Forgets the place of the events while there are no feeds: the first one is searched for in the whole archive.
    pub async fn rest(&mut self) -> Result<(), StoreError> {
        if self.resting {
            return Ok(());
        }
        let forgetting = self
            .keeping
            .feeds
            .feeds
            .named("forgetting the place of the feeds");
        forgetting.delete_one(doc! {"_id": PLACE}).send().await?;
        self.stream = None;
        self.resting = true;
        Ok(())
    }

    /// Does one step for these feeds: takes the changes of events, looks at values whose time is over, and searches the
    /// archive a step further for feeds that are new. Waits for a fifth of a second where there is nothing to do.
    pub async fn step(&mut self, feeds: &[Feed], now: f64) -> Result<FeedKept, StoreError> {
        self.resting = false;
        let mut kept = FeedKept::default();
        let mut usable = Vec::new();
        for feed in feeds.iter().filter(|feed| feed.suspended.is_none()) {
            match FeedConditions::of(feed) {
                Ok(conditions) => usable.push((feed, conditions)),
                Err(reason) => self.keeping.feeds.suspend(feed, Some(&reason)).await?,
            }
            if feed.writing {
                self.keeping.end(feed, now).await?;
            }
            if !feed.is_findable() {
                let observable = self.keeping.marks.observable;
                kept.more |= self.keeping.feeds.number(feed, observable).await?;
            }
        }
        self.follow(feeds, &usable, now, &mut kept).await?;
        for (feed, conditions) in &usable {
            let over = self.keeping.over(feed, now).await?;
            kept.more |= over.len() as i64 == OVER;
            self.keeping
                .judge(feed, conditions, over, (now, false), &mut kept)
                .await?;
            if !feed.is_whole() {
                kept.more |= self
                    .keeping
                    .search(feed, conditions, now, &mut kept)
                    .await?;
            }
        }
        Ok(kept)
    }

    /// Takes the changes of events since the last step.
    async fn follow(
        &mut self,
        feeds: &[Feed],
        usable: &[(&Feed, FeedConditions)],
        now: f64,
        kept: &mut FeedKept,
    ) -> Result<(), StoreError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let place = self.keeping.place_of_events().await?;
                if place.is_none() {
                    // nobody knows what these have missed; the others are being searched for
                    let whole = feeds.iter().filter(|feed| feed.is_whole());
                    let whole: Vec<Feed> = whole.cloned().collect();
                    self.keeping.search_again(&whole).await?;
                }
                EventStream::new(&self.keeping.archive.coll, place.as_deref())
            }
        };
        if !stream.begin().await? {
            tracing::warn!(
                "the changes of events since the last look are lost: all feeds are made anew"
            );
            self.keeping.search_again(feeds).await?;
        }
        let changes = stream.next().await?;
        if changes.removed {
            self.removed = true;
            self.gone.happened();
        }
        if self.removed && self.searched.is_none_or(|at| at.elapsed() >= AGAIN) {
            // a removal does not tell of which values
            self.keeping.search_again(feeds).await?;
            (self.removed, self.searched) = (false, Some(Instant::now()));
        }
        kept.events += changes.events.len() as u64;
        kept.more |= !changes.events.is_empty();
        let events = self.keeping.graph.feed_candidates(&changes.events).await?;
        let gone = self.gone.next(&self.keeping.archive.going).await?;
        for (feed, conditions) in usable {
            let mut found = self.keeping.held(feed, &gone).await?;
            let wanted = |sub_type: &str| feed.sub_types.iter().any(|known| known == sub_type);
            for event in events.iter().filter(|event| conditions.sees(&event.orgid)) {
                attributes(&event.data, &wanted, &mut found);
            }
            let values = found.into_values().collect();
            // what the first search of the archive finds is no news
            let tells = feed.is_whole() || feed.searched;
            self.keeping
                .judge(feed, conditions, values, (now, tells), kept)
                .await?;
        }
        if let Some(place) = stream.place()
            && (!changes.events.is_empty() || self.noted.is_none_or(|at| at.elapsed() >= NOTED))
        {
            self.keeping.set_place(&place).await?;
            self.noted = Some(Instant::now());
        }
        // kept only if all went well: else the same changes are taken again
        self.stream = Some(stream);
        Ok(())
    }
}

impl Keeping {
    async fn place_of_events(&self) -> Result<Option<String>, StoreError> {
        let find = Find::new("reading the place of the feeds", ID, doc! {"_id": PLACE});
        let rows = find.all(&self.feeds.feeds).await?;
        let place = rows.first().and_then(|row| row.get_str("place").ok());
        Ok(place.map(str::to_owned))
    }

    async fn set_place(&self, place: &str) -> Result<(), StoreError> {
        let setting = self.feeds.feeds.named("noting the place of the feeds");
        let update = doc! {"$set": {"place": place}};
        let setting = setting.update_one(doc! {"_id": PLACE}, update);
        setting
            .with(|update| update.upsert(true))
            .send()
            .await
            .map(drop)
    }

    /// Makes all feeds be searched for anew. Values that they hold are judged again, too.
    async fn search_again(&self, feeds: &[Feed]) -> Result<(), StoreError> {
        for feed in feeds {
            // a search that is under way goes on, and then there is another
            let update = match feed.is_whole() {
                true => doc! {"$set": {"walk": ""}},
                false => doc! {"$set": {"again": true}},
            };
            self.feeds
                .change(feed, update, "searching for a feed anew")
                .await?;
        }
        Ok(())
    }

    /// Returns those of these values that a feed holds.
    async fn held(
        &self,
        feed: &Feed,
        hashes: &BTreeSet<Hash>,
    ) -> Result<HashMap<Hash, Attribute>, StoreError> {
        let ids: Vec<Bson> = hashes.iter().map(|hash| id_of(feed.key, *hash)).collect();
        let mut found = HashMap::new();
        for part in ids.chunks(ASK) {
            let filter = doc! {"_id": {"$in": part}, "until": {"$exists": true}};
            let rows: Vec<FeedValue> = Find::new(JUDGING, ID, filter)
                .read(&self.feeds.values)
                .await?;
            let values = rows
                .iter()
                .filter_map(|row| attribute(&row.sub_type, &row.data));
            found.extend(values.map(|value| (value.hash(), value)));
        }
        Ok(found)
    }

    /// Returns values of a feed whose time is over.
    async fn over(&self, feed: &Feed, now: f64) -> Result<Vec<Attribute>, StoreError> {
        let values: Vec<FeedValue> = over(feed.key, now).read(&self.feeds.values).await?;
        Ok(values
            .iter()
            .filter_map(|value| attribute(&value.sub_type, &value.data))
            .collect())
    }

    /// Searches the archive a step further for values of a feed. Returns whether there is more.
    async fn search(
        &self,
        feed: &Feed,
        conditions: &FeedConditions,
        now: f64,
        kept: &mut FeedKept,
    ) -> Result<bool, StoreError> {
        let after = feed.walk.as_deref().and_then(|walk| walk.parse().ok());
        let (mut found, last) = self.graph.feed_walk(after, &feed.sub_types).await?;
        // values that the feed holds and the archive does not any more
        let begin = match after {
            Some(hash) => id_of(feed.key, hash),
            None => ids_of(feed.key).get("$gte").cloned().unwrap_or(Bson::Null),
        };
        let end = match last {
            Some(hash) => id_of(feed.key, hash),
            None => ids_of(feed.key).get("$lte").cloned().unwrap_or(Bson::Null),
        };
        let rows = doc! {"$gte": begin, "$lte": end};
        let filter = doc! {"_id": rows, "until": {"$exists": true}};
        let held: Vec<FeedValue> = Find::new(JUDGING, ID, filter)
            .read(&self.feeds.values)
            .await?;
        found.extend(
            held.iter()
                .filter_map(|value| attribute(&value.sub_type, &value.data)),
        );
        self.judge(feed, conditions, found, (now, false), kept)
            .await?;
        let update = match last {
            Some(last) => doc! {"$set": {"walk": last.to_string()}},
            None if feed.again => {
                doc! {"$set": {"walk": "", "searched": true}, "$unset": {"again": ""}}
            }
            None => doc! {"$set": {"searched": true}, "$unset": {"walk": ""}},
        };
        self.feeds
            .change(feed, update, "searching the archive for a feed")
            .await?;
        Ok(last.is_some())
    }

    /// Judges values, and writes the rows that differ. Those who subscribe are told of values that leave, and if `tells` of
    /// those that come in.
    async fn judge(
        &self,
        feed: &Feed,
        conditions: &FeedConditions,
        values: Vec<Attribute>,
        (now, tells): (f64, bool),
        kept: &mut FeedKept,
    ) -> Result<(), StoreError> {
        let judging = values.into_iter().map(|value| async move {
            let standing = self.graph.feed_standing(&value, conditions, now).await?;
            let standing = match standing {
                Some(_) if !(self.may_hold)(value.clone(), feed.clone()).await? => None,
                other => other,
            };
            Ok::<Judged, StoreError>((value.hash(), value, standing))
        });
        let mut judged = stream::iter(judging.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        let mut part = Vec::new();
        while let Some(one) = judged.try_next().await? {
            part.push(one);
            if part.len() == ASK {
                let part = std::mem::take(&mut part);
                self.write(feed, conditions, part, (now, tells), kept)
                    .await?;
            }
        }
        self.write(feed, conditions, part, (now, tells), kept).await
    }

    async fn write(
        &self,
        feed: &Feed,
        conditions: &FeedConditions,
        judged: Vec<Judged>,
        (now, tells): (f64, bool),
        kept: &mut FeedKept,
    ) -> Result<(), StoreError> {
        if judged.is_empty() {
            return Ok(());
        }
        let ids: Vec<Bson> = judged
            .iter()
            .map(|(hash, ..)| id_of(feed.key, *hash))
            .collect();
        let find = Find::new(JUDGING, ID, doc! {"_id": {"$in": ids}});
        let mut known: HashMap<Hash, FeedValue> = HashMap::new();
        for row in find.all(&self.feeds.values).await? {
            let id = row.get_binary("_id").ok().and_then(|id| hash_of(id.bytes));
            if let (Some(hash), Ok(value)) = (id, from_document(&row)) {
                known.insert(hash, value);
            }
        }
        let (mut changes, mut news) = (Vec::new(), Vec::new());
        for (hash, value, standing) in judged {
            let before = known.get(&hash);
            let was = before.filter(|row| row.until.is_some());
            let is_right = |standing: FeedStanding, was: &FeedValue| {
                let seen = standing.seen;
                // an event that the row tells of has gone, or may not leave any more
                let tells_more = standing.count < was.count
                    || seen.last < was.last
                    || (seen.first > was.first && was.first >= now - conditions.keep_s());
                seen.last < was.last + GRAIN_S && was.until > Some(now) && !tells_more
            };
            match (standing, was) {
                (None, None) => continue,
                (Some(standing), Some(was)) if is_right(standing, was) => continue,
                (Some(standing), None) => {
                    kept.added += 1;
                    if tells {
                        news.push(FeedChange {
                            value: value.clone(),
                            leaves: false,
                            last: standing.seen.last,
                            before: before.map(|row| row.changed),
                        });
                    }
                }
                (None, Some(was)) => {
                    kept.removed += 1;
                    news.push(FeedChange {
                        value: value.clone(),
                        leaves: true,
                        last: was.last,
                        before: Some(was.changed),
                    });
                }
                (Some(_), Some(_)) => {}
            }
            changes.push((hash, value, standing, was.map(|was| was.added)));
        }
        if changes.is_empty() {
            return Ok(());
        }
        if let (Some(teller), false) = (&self.teller, news.is_empty()) {
            teller(feed.clone(), news).await?;
        }
        let mark = doc! {"$set": {"writing": true}};
        let Some(marked) = self.feeds.change(feed, mark, WRITING).await? else {
            // the feed is gone, and its rows must not come back
            return Ok(());
        };
        // whole milliseconds, as they are written; later than all before, so that a reader of these has seen those
        let now = (now * 1000.0)
            .floor()
            .max((marked.changed * 1000.0).round() + 1.0)
            / 1000.0;
        let updates: Vec<Update> = changes
            .into_iter()
            .map(|(hash, value, standing, added)| Update {
                filter: doc! {"_id": id_of(feed.key, hash)},
                update: match standing {
                    Some(standing) => {
                        let times = (added.unwrap_or(now), now);
                        self.there(&marked, &value, &standing, times, conditions)
                            .into()
                    }
                    None => gone(&marked, now).into(),
                },
                upsert: true,
            })
            .collect();
        bulk::update(&self.feeds.values, &updates, WRITING)
            .await?
            .whole(WRITING)?;
        self.end(feed, now).await
    }

    /// Makes the update of a value that is in the feed.
    fn there(
        &self,
        feed: &Feed,
        value: &Attribute,
        standing: &FeedStanding,
        (added, now): (f64, f64),
        conditions: &FeedConditions,
    ) -> Document {
        let sub_type = value.sub_type().as_str();
        let data = match value.data() {
            Scalar::Null => Bson::Null,
            Scalar::Bool(it) => Bson::from(*it),
            Scalar::Int(it) => Bson::from(*it),
            Scalar::Float(it) => Bson::from(it.get()),
            Scalar::Str(it) => Bson::from(it.as_str()),
        };
        let place = (self.marks.place)(sub_type, &value.data().to_string(), added);
        let until = standing.seen.last + conditions.keep_s();
        let mut row = doc! {
            "feed": feed.key, "sub_type": sub_type, "data": data, "seq": feed.seq + 1, "added": added,
            "changed": now, "first": standing.seen.first, "last": standing.seen.last, "count": standing.count,
            "until": until, "place": place,
        };
        if let Some(observable) = (self.marks.observable)(value) {
            row.insert(OBSERVABLE, number(feed.key, observable));
        }
        doc! {"$set": row, "$unset": {"gone": ""}}
    }

    /// Raises the feed's number, once the rows are written.
    async fn end(&self, feed: &Feed, now: f64) -> Result<(), StoreError> {
        let end =
            doc! {"$inc": {"seq": 1_i64}, "$max": {"changed": now}, "$set": {"writing": false}};
        self.feeds.change(feed, end, WRITING).await.map(drop)
    }
}

/// Makes the update of a value that has left the feed.
fn gone(feed: &Feed, now: f64) -> Document {
    let gone = bson::DateTime::from_millis((now * 1000.0) as i64);
    doc! {
        "$set": {"seq": feed.seq + 1, "changed": now, "gone": gone},
        "$unset": {"until": "", OBSERVABLE: ""},
    }
}

pub(crate) fn over(feed: bson::oid::ObjectId, now: f64) -> Find {
    let filter = doc! {"feed": feed, "until": {"$lte": now}};
    Find::new("looking for values that leave a feed", FEED_UNTIL, filter).limit(OVER)
}
