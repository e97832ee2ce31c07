//! The sink that takes the records of a source.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{anyhow, bail};
use metrics::counter;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::status::{InputState, SharedStatus, now};
use cybexp_spool::{InputId, Room, Spool};
use cybexp_spool::{ItemKey, Record, RecordBatch};

/// The end of an input's run was asked for while a source waited: no failure.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("asked to stop")]
pub struct Stopped;

/// Takes the records of a source, and gives it its cursor, its marks and the signal to stop.
#[derive(Debug)]
pub struct RecordSink {
    name: String,
    stop: CancellationToken,
    status: Arc<SharedStatus>,
    /// The source was well for a while, though it failed then.
    stood: AtomicBool,
    store: Destination,
}

#[derive(Debug)]
enum Destination {
    Spool {
        spool: Spool,
        id: InputId,
        /// The last one on disk.
        cursor: Mutex<Option<Value>>,
    },
    /// Shows records to people, and keeps nothing.
    Shown {
        records: mpsc::UnboundedSender<Record>,
        left: AtomicUsize,
    },
}

impl RecordSink {
    /// The sink of an input that the spool knows; `cursor` is the last one on disk.
    pub fn new(
        name: &str,
        status: Arc<SharedStatus>,
        stop: CancellationToken,
        spool: Spool,
        id: InputId,
        cursor: Option<Value>,
    ) -> Self {
        let store = Destination::Spool {
            spool,
            id,
            cursor: Mutex::new(cursor),
        };
        Self {
            name: name.to_owned(),
            stop,
            status,
            stood: AtomicBool::new(false),
            store,
        }
    }

    /// A sink that keeps nothing: it hands on up to `limit` records and then asks to stop.
    pub fn shown(
        name: &str,
        status: Arc<SharedStatus>,
        limit: usize,
    ) -> (Self, mpsc::UnboundedReceiver<Record>) {
        let (records, shown) = mpsc::unbounded_channel();
        let store = Destination::Shown {
            records,
            left: AtomicUsize::new(limit),
        };
        let sink = Self {
            name: name.to_owned(),
            stop: CancellationToken::new(),
            status,
            stood: AtomicBool::new(false),
            store,
        };
        (sink, shown)
    }

    /// The name of the input.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it keeps what it takes. Where it does not, for people who only want to see, a source must not do anything
    /// outside, either, that it does for what is taken.
    pub fn keeps(&self) -> bool {
        matches!(self.store, Destination::Spool { .. })
    }

    /// The position up to which the source is taken; `None` at the first time.
    ///
    /// # Errors
    /// When the cursor is not of type `C`: another version or plugin wrote it.
    pub async fn cursor<C: DeserializeOwned>(&self) -> anyhow::Result<Option<C>> {
        let Destination::Spool { cursor, .. } = &self.store else {
            return Ok(None);
        };
        let cursor = cursor.lock().await.clone();
        let read = cursor.map(serde_json::from_value).transpose();
        read.map_err(|error| anyhow!("the cursor in the spool is of another kind: {error}"))
    }

    /// Puts a batch on disk. When this returns, the source may forget the records. Waits while there is no room.
    ///
    /// # Errors
    /// When the disk does not take it, or the end was asked for ([`Stopped`]); then nothing was taken.
    pub async fn take(&self, batch: RecordBatch) -> anyhow::Result<()> {
        let batch = Arc::new(batch);
        loop {
            let freed = match &self.store {
                Destination::Spool { spool, .. } => spool.freed(),
                Destination::Shown { .. } => return self.show(&batch),
            };
            match self.put(&batch).await? {
                Room::Taken => return Ok(()),
                Room::Full => self.blocked(),
                Room::Never => bail!(
                    "{} bytes at once are more than the whole spool may hold (input.spool_max_bytes)",
                    batch.bytes()
                ),
            }
            tokio::select! {
                () = freed => {}
                () = self.stop.cancelled() => bail!(Stopped),
            }
        }
    }

    /// Puts on disk what would be lost if it had to wait: what there is no room for, or the disk does not take, is counted
    /// as dropped.
    pub async fn offer(&self, batch: RecordBatch) -> anyhow::Result<()> {
        if matches!(self.store, Destination::Shown { .. }) {
            return self.show(&batch);
        }
        let batch = Arc::new(batch);
        let put = self.put(&batch).await;
        if !matches!(put, Ok(Room::Taken)) {
            self.dropped(batch.records.len() as u64);
        }
        match put? {
            Room::Taken => {}
            Room::Full | Room::Never => self.blocked(),
        }
        Ok(())
    }

    /// The numbers with which these things were marked ([`RecordBatch::marks`]).
    pub async fn marks(&self, keys: Vec<ItemKey>) -> anyhow::Result<Vec<Option<i64>>> {
        match &self.store {
            Destination::Spool { spool, id, .. } => Ok(spool.marks(*id, keys).await?),
            Destination::Shown { .. } => Ok(vec![None; keys.len()]),
        }
    }

    /// The source is there and answers, whether it has something or not.
    pub fn reached(&self) {
        self.status.change(|status| status.last_fetch = Some(now()));
        self.running();
    }

    /// The source was there and well for a while, though it fails now: the next try need not wait longer than the first.
    pub fn stood(&self) {
        self.stood.store(true, Ordering::Relaxed);
    }

    /// Whether it was, since the last time that this was asked.
    pub fn has_stood(&self) -> bool {
        self.stood.swap(false, Ordering::Relaxed)
    }

    /// The source cannot be had, but goes on by itself: a file that is not there yet.
    pub fn failing(&self, error: &anyhow::Error) {
        let error = format!("{error:#}");
        if self.status.enter(InputState::Failing) != InputState::Failing {
            warn!(input = self.name, error, "fails");
        }
        self.status.change(|status| {
            status.errors += 1;
            status.last_error = Some(error);
            status.last_error_at = Some(now());
        });
    }

    /// Something is wrong with what the source delivers, and was left out; the source itself is well.
    pub fn complain(&self, what: &str) {
        warn!(input = self.name, "{what}");
        self.status.change(|status| {
            status.errors += 1;
            status.last_error = Some(what.to_owned());
            status.last_error_at = Some(now());
        });
    }

    /// Counts records that were lost before they came here.
    pub fn dropped(&self, records: u64) {
        if records == 0 {
            return;
        }
        counter!("cybexp_input_dropped_total", "input" => self.name.clone()).increment(records);
        self.status.change(|status| status.dropped += records);
        if let Destination::Spool { spool, id, .. } = &self.store {
            spool.dropped(*id, records);
        }
    }

    /// Waits until the end is asked for. A source that listens returns then, with what it has in hand taken.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Whether the end is asked for.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    async fn put(&self, batch: &Arc<RecordBatch>) -> anyhow::Result<Room> {
        let Destination::Spool { spool, id, cursor } = &self.store else {
            return Ok(Room::Taken);
        };
        // held until it is on disk, so that the two stay the same
        let mut cursor = cursor.lock().await;
        let room = spool.put(*id, batch).await?;
        if room == Room::Taken {
            if let Some(new) = &batch.cursor {
                *cursor = Some(new.clone());
            }
            self.took(batch.records.len() as u64);
        }
        Ok(room)
    }

    fn took(&self, records: u64) {
        self.running();
        if records > 0 {
            counter!("cybexp_input_taken_total", "input" => self.name.clone()).increment(records);
            self.status.change(|status| {
                status.taken += records;
                status.spooled += records;
                status.last_event = Some(now());
            });
        }
    }

    fn show(&self, batch: &RecordBatch) -> anyhow::Result<()> {
        let Destination::Shown { records, left } = &self.store else {
            return Ok(());
        };
        for record in &batch.records {
            let before = left.load(Ordering::Relaxed);
            if before == 0 || records.send(record.clone()).is_err() {
                self.stop.cancel();
                bail!(Stopped);
            }
            left.store(before - 1, Ordering::Relaxed);
        }
        if left.load(Ordering::Relaxed) == 0 {
            self.stop.cancel();
        }
        self.reached();
        Ok(())
    }

    fn running(&self) {
        if self.status.enter(InputState::Running) == InputState::Failing {
            info!(input = self.name, "is back");
        }
    }

    fn blocked(&self) {
        if self.status.enter(InputState::Blocked) != InputState::Blocked {
            warn!(
                input = self.name,
                "the spool is full (input.spool_max_bytes): what cannot wait is dropped and counted"
            );
        }
    }
}
