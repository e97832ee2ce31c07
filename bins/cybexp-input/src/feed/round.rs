//! A feed that always gives all it has: what of it is new.

use std::collections::HashSet;
use std::mem;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Validators;
use crate::record::{Batch, Key, Record};
use crate::sink::Sink;

/// Marks that go to disk at once, at most.
const FULL_MARKS: usize = 10_000;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Cursor {
    /// Of the last round, be it that it did not come to its end.
    round: i64,
    /// Of the last response that was read to its end.
    validators: Option<Validators>,
}

/// One response of a feed. What it lists is marked with the round's number; once all of it is read, what has an older
/// number is forgotten, and would be new again.
///
/// A round that did not come to its end forgets nothing, and the next one finds what it has marked.
#[derive(Debug)]
pub(crate) struct Round<'a> {
    sink: &'a Sink,
    cursor: Cursor,
    batch: Batch,
    /// What is marked in the batch, which the spool does not have yet.
    here: HashSet<Key>,
}

impl<'a> Round<'a> {
    /// The next round.
    ///
    /// # Errors
    /// When the cursor is of another plugin.
    pub(crate) async fn new(sink: &'a Sink) -> anyhow::Result<Self> {
        let mut cursor: Cursor = sink.cursor().await?.unwrap_or_default();
        cursor.round = cursor.round.saturating_add(1);
        Ok(Self {
            sink,
            cursor,
            batch: Batch::new(),
            here: HashSet::new(),
        })
    }

    /// What was said of the last response, if it was of the document that `of` names.
    pub(crate) fn validators(&self, of: &str) -> Option<&Validators> {
        let validators = self.cursor.validators.as_ref();
        validators.filter(|validators| validators.are_of(of))
    }

    /// Of these, in their order, those that are new. The records made of them must be pushed before the next
    /// [`Round::flush`].
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub(crate) async fn unseen<T>(&mut self, things: Vec<(Key, T)>) -> anyhow::Result<Vec<T>> {
        let keys = things.iter().map(|(key, _)| *key).collect();
        let marks = self.sink.marks(keys).await?;
        let mut unseen = Vec::new();
        for ((key, thing), mark) in things.into_iter().zip(marks) {
            if mark == Some(self.cursor.round) || !self.here.insert(key) {
                continue;
            }
            self.batch.marks.push((key, self.cursor.round));
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

    /// The response was read to its end.
    ///
    /// # Errors
    /// As [`Sink::take`].
    pub(crate) async fn finish(mut self, validators: Option<Validators>) -> anyhow::Result<()> {
        self.cursor.validators = validators;
        self.batch.forget_below = Some(self.cursor.round);
        self.flush().await
    }
}
