//! A feed that always gives all it has: what of it is new.

use std::collections::HashSet;
use std::mem;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sink::Sink;
use crate::status;
use cybexp_feed::Validators;
use cybexp_spool::{Batch, Key, Record};

/// Marks that go to disk at once, at most.
const FULL_MARKS: usize = 10_000;
const DAY: i64 = 24 * 3600;
/// What was not listed for so long would be new again. An answer may be short or empty for a while: the feed is just being
/// written, or one of several servers is behind.
const REMEMBERED: i64 = 90 * DAY;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Cursor {
    /// Of the last answer that was read to its end.
    validators: Option<Validators>,
}

/// One answer of a feed, and what is remembered of those before. What it lists is marked with the time; what was not marked
/// for long enough is forgotten once all of the answer is read, and would be new again.
///
/// An answer that was not read to its end forgets nothing, and the next time finds what it has marked.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    sink: &'a Sink,
    cursor: Cursor,
    /// Unix seconds.
    now: i64,
    batch: Batch,
    /// What is marked in the batch, which the spool does not have yet.
    here: HashSet<Key>,
}

impl<'a> Seen<'a> {
    /// What is known of the feed.
    ///
    /// # Errors
    /// When the cursor is of another plugin.
    pub(crate) async fn of(sink: &'a Sink) -> anyhow::Result<Self> {
        Ok(Self {
            sink,
            cursor: sink.cursor().await?.unwrap_or_default(),
            now: status::now() as i64,
            batch: Batch::new(),
            here: HashSet::new(),
        })
    }

    /// What was said of the last answer, if it was of the document that `of` names.
    pub(crate) fn validators(&self, of: &str) -> Option<&Validators> {
        let validators = self.cursor.validators.as_ref();
        validators.filter(|validators| validators.are_of(of))
    }

    /// Of these, in their order, those that are new. The records made of them must be pushed before the next
    /// [`Seen::flush`].
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub(crate) async fn unseen<T>(&mut self, things: Vec<(Key, T)>) -> anyhow::Result<Vec<T>> {
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
    /// As [`Sink::take`].
    pub(crate) async fn flush(&mut self) -> anyhow::Result<()> {
        self.here.clear();
        let mut batch = mem::take(&mut self.batch);
        batch.cursor = Some(json!(self.cursor));
        self.sink.take(batch).await
    }

    /// The answer was read to its end.
    ///
    /// # Errors
    /// As [`Sink::take`].
    pub(crate) async fn finish(mut self, validators: Option<Validators>) -> anyhow::Result<()> {
        self.cursor.validators = validators;
        self.batch.forget_below = Some(self.now - REMEMBERED);
        self.flush().await
    }
}
