//! The handle to the spool.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tahoe_core::SubmissionTags;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::db::{Room, SpoolFile};
use crate::error::SpoolError;
use crate::input::{InputId, KnownInput};
use crate::news::Signals;
use crate::record::{ItemKey, Queued, RecordBatch};
use crate::thread::{self, AnsweredJob, Effect, SpoolJob};

/// The spool; clones are the same one. It is closed when the last one is gone.
#[derive(Debug, Clone)]
pub struct Spool {
    jobs: Sender<Box<dyn SpoolJob>>,
    news: Arc<Signals>,
}

impl Spool {
    /// Opens the spool in this folder, or makes it; it takes up to `max_bytes` of the disk, and a few MiB for its journal.
    ///
    /// Blocks: what is in it is counted first.
    pub fn open(folder: &Path, max_bytes: u64) -> Result<Self, SpoolError> {
        let database = SpoolFile::open(folder, max_bytes)?;
        let news = Arc::new(Signals::default());
        let jobs = thread::start(database, Arc::clone(&news)).map_err(|_| SpoolError::Gone)?;
        Ok(Self { jobs, news })
    }

    /// Makes an input known, with what its records are to be posted as from now on; those that were refused wait again.
    /// An input that is of another plugin than before begins anew.
    pub async fn register(
        &self,
        name: &str,
        plugin: &str,
        tags: &SubmissionTags,
    ) -> Result<KnownInput, SpoolError> {
        let (name, plugin, tags) = (name.to_owned(), plugin.to_owned(), tags.clone());
        self.ask(Effect::None, 0, move |database| {
            database.register(&name, &plugin, &tags)
        })
        .await
    }

    /// All inputs that were ever made known.
    pub async fn known(&self) -> Result<Vec<KnownInput>, SpoolError> {
        self.ask(Effect::None, 0, |database| database.known()).await
    }

    /// Puts a batch on disk, if there is room for it.
    ///
    /// # Errors
    /// When the disk does not take it, and when it is larger than the whole spool may be.
    pub async fn put(&self, input: InputId, batch: &Arc<RecordBatch>) -> Result<Room, SpoolError> {
        let (batch, bytes) = (Arc::clone(batch), batch.bytes());
        self.ask(Effect::Queued(input), bytes, move |database| {
            database.put(input, &batch)
        })
        .await
    }

    /// Waits until something was posted. To be called before [`Spool::put`], and awaited after it.
    pub fn freed(&self) -> Notified<'_> {
        self.news.freed.notified()
    }

    /// Is notified when something of this input was put; a word that nobody waits for is kept.
    pub fn queued(&self, input: InputId) -> Arc<Notify> {
        self.news.queued(input)
    }

    /// The next records of an input after this one, in order: at least one if there is one, and hardly more than
    /// `max_bytes`.
    pub async fn next(
        &self,
        input: InputId,
        after: i64,
        max_records: usize,
        max_bytes: u64,
    ) -> Result<Vec<Queued>, SpoolError> {
        self.ask(Effect::None, 0, move |database| {
            database.next(input, after, max_records, max_bytes)
        })
        .await
    }

    /// The API has this record: it is removed. Not waited for, because to post it again would do no harm.
    pub fn posted(&self, input: InputId, record: i64) {
        self.posted_all(input, vec![record]);
    }

    /// The API has these records: they are removed, as by [`Self::posted`].
    pub fn posted_all(&self, input: InputId, records: Vec<i64>) {
        self.tell(Effect::Freed, move |database| {
            database.posted(input, &records)
        });
    }

    /// The API refuses this record: it is set aside.
    pub fn refused(&self, record: i64, reason: &str) {
        let reason = reason.to_owned();
        self.tell(Effect::None, move |database| {
            database.refused(record, &reason)
        });
    }

    /// Counts records that were lost.
    pub fn dropped(&self, input: InputId, records: u64) {
        self.tell(Effect::None, move |database| {
            database.dropped(input, records)
        });
    }

    /// Remembers that an input must not be fetched before this time, in Unix seconds.
    pub async fn not_before(&self, input: InputId, at: f64) -> Result<(), SpoolError> {
        self.ask(Effect::None, 0, move |database| {
            database.not_before(input, at)
        })
        .await
    }

    /// The numbers that these things were remembered with.
    pub async fn marks(
        &self,
        input: InputId,
        keys: Vec<ItemKey>,
    ) -> Result<Vec<Option<i64>>, SpoolError> {
        self.ask(Effect::None, 0, move |database| {
            database.marks(input, &keys)
        })
        .await
    }

    /// Forgets an input with all that is left of it; gives the records that were.
    pub async fn forget(&self, input: InputId) -> Result<u64, SpoolError> {
        self.ask(Effect::Freed, 0, move |database| database.forget(input))
            .await
    }

    /// The bytes of the disk that are in use.
    pub async fn used_bytes(&self) -> Result<u64, SpoolError> {
        self.ask(Effect::None, 0, |database| database.used_bytes())
            .await
    }

    async fn ask<T: Send + 'static>(
        &self,
        effect: Effect,
        bytes: u64,
        work: impl FnMut(&mut SpoolFile) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let (task, answer) = AnsweredJob::new(work, effect, bytes);
        self.jobs.send(task).map_err(|_| SpoolError::Gone)?;
        answer.await.unwrap_or(Err(SpoolError::Gone))
    }

    fn tell(
        &self,
        effect: Effect,
        work: impl FnMut(&mut SpoolFile) -> rusqlite::Result<()> + Send + 'static,
    ) {
        let (task, _) = AnsweredJob::new(work, effect, 0);
        // it ends only with the process
        let _ = self.jobs.send(task);
    }
}
