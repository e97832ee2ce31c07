//! Tells which items are new in a feed that always lists all it has.

use std::collections::HashSet;
use std::mem;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sink::RecordSink;
use crate::status;
use cybexp_feed::Validators;
use cybexp_spool::{ItemKey, Record, RecordBatch};

/// Marks that go to disk at once, at most.
const FULL_MARKS: usize = 10_000;
const DAY: i64 = 24 * 3600;
/// Seconds after which an item that was no longer listed is forgotten, and would be new again. An answer may be short or empty for a while: the feed is just being
/// written, or one of several servers is behind.
const REMEMBERED: i64 = 90 * DAY;

#[derive(Debug, Default, Serialize, Deserialize)]
struct FeedCursor {
    /// Validators of the last answer that was read to its end.
    validators: Option<Validators>,
}

/// One answer of a feed, and what is remembered of those before. What it lists is marked with the time; what was not marked
/// for long enough is forgotten once all of the answer is read, and would be new again.
///
/// An answer that was not read to its end forgets nothing, and the next time finds what it has marked.
#[derive(Debug)]
pub(crate) struct SeenFeed<'a> {
    sink: &'a RecordSink,
    cursor: FeedCursor,
    /// Unix seconds.
    now: i64,
    batch: RecordBatch,
    /// Keys that are marked in the batch, which the spool does not have yet.
    here: HashSet<ItemKey>,
}

impl<'a> SeenFeed<'a> {
    /// Reads from the spool what is known of the feed.
    ///
    /// # Errors
    /// When the cursor is of another plugin.
    pub(crate) async fn of(sink: &'a RecordSink) -> anyhow::Result<Self> {
        Ok(Self {
            sink,
            cursor: sink.cursor().await?.unwrap_or_default(),
            now: status::now() as i64,
            batch: RecordBatch::new(),
            here: HashSet::new(),
        })
    }

    /// The validators of the last answer, if it was of the document that `of` names.
    pub(crate) fn validators(&self, of: &str) -> Option<&Validators> {
        let validators = self.cursor.validators.as_ref();
        validators.filter(|validators| validators.are_of(of))
    }

    /// Returns the new ones among these items, in their order. The records made of them must be pushed before the next
    /// [`SeenFeed::flush`].
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub(crate) async fn unseen<T>(&mut self, things: Vec<(ItemKey, T)>) -> anyhow::Result<Vec<T>> {
        let keys = things.iter().map(|(key, _)| *key).collect();
        let marks = self.sink.marks(keys).await?;
        let mut unseen = Vec::new();
        for ((key, thing), mark) in things.into_iter().zip(marks) {
            // once a day is often enough to say that something is still listed
            if mark.is_some_and(|mark| mark >= self.now - DAY) || !self.here.insert(key) {
                continue;
            }
            self.batch.marks.push((key, self.now));
            if mark.is_none() {
                unseen.push(thing);
            }
        }
        Ok(unseen)
    }

    /// A record of what is new.
    pub(crate) fn push(&mut self, record: impl Into<Record>) {
        self.batch.push(record);
    }

    /// Whether it is time to flush.
    pub(crate) fn is_full(&self) -> bool {
        self.batch.is_full() || self.batch.marks.len() >= FULL_MARKS
    }

    /// Takes what there is up to now.
    ///
    /// # Errors
    /// As [`RecordSink::take`].
    pub(crate) async fn flush(&mut self) -> anyhow::Result<()> {
        self.here.clear();
        let mut batch = mem::take(&mut self.batch);
        batch.cursor = Some(json!(self.cursor));
        self.sink.take(batch).await
    }

    /// The answer was read to its end.
    ///
    /// # Errors
    /// As [`RecordSink::take`].
    pub(crate) async fn finish(mut self, validators: Option<Validators>) -> anyhow::Result<()> {
        self.cursor.validators = validators;
        self.batch.forget_below = Some(self.now - REMEMBERED);
        self.flush().await
    }
}
