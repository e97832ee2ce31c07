//! From the spool to the API: one task for each input that has something in the spool.
//!
//! Records are sent in the order in which they were taken, some at the same time. What the API has is removed; what it
//! refuses is set aside, unless it refuses everything: then it is not the record that is wrong, and all of it waits.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use cybexp_client::{ClientError, Part};
use cybexp_service::Backoff;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use metrics::{counter, histogram};
use tahoe_core::SubmissionTags;
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api::ApiState;
use crate::status::{SharedStatus, now};
use cybexp_spool::{InputId, KnownInput, Queued, Spool, SpoolError};

/// Submissions of one input under way at the same time. More bring no speed: the API stores those together that come
/// together.
const IN_FLIGHT: usize = 32;
/// Approximate limit of the records of one input in memory, in bytes.
const BYTES: u64 = 8 << 20;
/// Refusals in a row after which the fault is not sought in the record, but in the input or the API.
const REFUSALS: u32 = 8;
/// The longest wait of an input whose records are all refused.
const MAX_BACKOFF: Duration = Duration::from_secs(300);
/// The time that submissions under way get at the end of the daemon.
const GRACE: Duration = Duration::from_secs(5);

/// Posts what the spool holds, until it is stopped.
pub(crate) struct Poster {
    spool: Spool,
    api: Arc<ApiState>,
    stop: CancellationToken,
    tasks: Mutex<HashMap<InputId, PosterTask>>,
}

struct PosterTask {
    tags: watch::Sender<SubmissionTags>,
    again: Arc<Notify>,
    handle: JoinHandle<()>,
}

impl Poster {
    pub(crate) fn new(spool: Spool, api: Arc<ApiState>) -> Self {
        Self {
            spool,
            api,
            stop: CancellationToken::new(),
            tasks: Mutex::default(),
        }
    }

    /// Posts the records of this input from now on, with its present tags. If it is followed already, its tags are taken
    /// over, and the spool is read from the first record on, because refused records may wait again.
    pub(crate) async fn follow(&self, known: &KnownInput, status: &Arc<SharedStatus>) {
        let tags = known.tags.clone();
        let mut tasks = self.tasks.lock().await;
        if let Some(task) = tasks.get(&known.id) {
            task.tags.send_replace(tags);
            task.again.notify_one();
            return;
        }
        let (tags, given) = watch::channel(tags);
        let again = Arc::new(Notify::new());
        let posting = Posting {
            id: known.id,
            name: known.name.clone(),
            spool: self.spool.clone(),
            api: Arc::clone(&self.api),
            status: Arc::clone(status),
            tags: given,
            again: Arc::clone(&again),
            stop: self.stop.clone(),
            after: 0,
            waiting: VecDeque::new(),
            held: HashSet::new(),
            bytes: 0,
            refusals: 0,
            any_posted: false,
            backoff: Backoff::new(MAX_BACKOFF),
            pause: None,
        };
        let handle = tokio::spawn(posting.run());
        let task = PosterTask {
            tags,
            again,
            handle,
        };
        tasks.insert(known.id, task);
    }

    /// Posts nothing more of this input.
    pub(crate) async fn leave(&self, input: InputId) {
        if let Some(task) = self.tasks.lock().await.remove(&input) {
            task.handle.abort();
            let _ = task.handle.await;
        }
    }

    /// Lets what is under way end, for a while.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        for (_, task) in self.tasks.lock().await.drain() {
            // it ends within its grace
            let _ = task.handle.await;
        }
    }
}

/// The records of one input on their way.
struct Posting {
    id: InputId,
    name: String,
    spool: Spool,
    api: Arc<ApiState>,
    status: Arc<SharedStatus>,
    tags: watch::Receiver<SubmissionTags>,
    again: Arc<Notify>,
    stop: CancellationToken,
    /// The last record that was read from the spool.
    after: i64,
    waiting: VecDeque<Queued>,
    /// Ids of the records that wait or are under way.
    held: HashSet<i64>,
    /// Bytes of the records in `held`.
    bytes: u64,
    /// Refusals in a row.
    refusals: u32,
    /// Whether the API has taken something since this began, or began anew.
    any_posted: bool,
    backoff: Backoff,
    /// Until when nothing is sent, after refusals.
    pause: Option<Instant>,
}

type PostOutcome = (Queued, Result<(), ClientError>);

impl Posting {
    async fn run(mut self) {
        let queued = self.spool.queued(self.id);
        let again = Arc::clone(&self.again);
        let stop = self.stop.clone();
        let mut under_way = FuturesUnordered::new();
        let mut more = true;
        while !stop.is_cancelled() {
            if more && self.waiting.len() < IN_FLIGHT && self.bytes < BYTES {
                more = self.read().await;
            }
            let width = match self.pause {
                Some(_) => 0,
                None if self.refusals >= REFUSALS => 1,
                None => IN_FLIGHT,
            };
            if under_way.len() < width && !self.waiting.is_empty() {
                let sure = tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    sure = self.api.ready(), if under_way.is_empty() => sure,
                    () = std::future::ready(()), if !under_way.is_empty() => self.api.status().up,
                };
                let width = if sure { width } else { 1 };
                while under_way.len() < width
                    && let Some(record) = self.waiting.pop_front()
                {
                    under_way.push(self.send(record));
                }
            }
            let pause = self.pause;
            tokio::select! {
                Some(outcome) = under_way.next() => self.judge(outcome),
                () = queued.notified(), if !more => more = true,
                () = again.notified() => {
                    (self.after, more) = (0, true);
                    (self.refusals, self.pause) = (0, None);
                    self.any_posted = false;
                    self.status.change(|status| status.refusal = None);
                }
                () = until(pause), if pause.is_some() => self.pause = None,
                () = stop.cancelled() => {}
            }
        }
        let rest = async {
            while let Some(outcome) = under_way.next().await {
                self.judge(outcome);
            }
        };
        if tokio::time::timeout(GRACE, rest).await.is_err() {
            info!(
                input = self.name,
                "some submissions did not end in time: they are sent again"
            );
        }
    }

    /// Reads on in the spool; whether there may be more.
    async fn read(&mut self) -> bool {
        let room = BYTES - self.bytes;
        let next = self
            .spool
            .next(self.id, self.after, 4 * IN_FLIGHT, room)
            .await;
        let records = match next {
            Ok(records) => records,
            Err(SpoolError::Gone) => return false,
            Err(error) => {
                self.failed(&error.to_string());
                tokio::select! {
                    () = tokio::time::sleep(self.backoff.failure()) => {}
                    () = self.stop.cancelled() => {}
                }
                return true;
            }
        };
        let Some(last) = records.last() else {
            return false;
        };
        self.after = last.id;
        for record in records {
            if self.held.insert(record.id) {
                self.bytes += record.data.len() as u64;
                self.waiting.push_back(record);
            }
        }
        true
    }

    fn send(&self, record: Queued) -> impl Future<Output = PostOutcome> + use<> {
        let (client, tags) = (self.api.client(), self.tags.borrow().clone());
        let name = record.name.clone().unwrap_or_else(|| self.name.clone());
        async move {
            let since = Instant::now();
            let bytes = record.data.len() as u64;
            let part = Part::stream_with_length(record.data.clone(), bytes);
            let outcome = client.submit(&tags, name, part).await;
            histogram!("cybexp_input_post_seconds").record(since.elapsed());
            (record, outcome)
        }
    }

    fn judge(&mut self, (record, outcome): PostOutcome) {
        let error = match outcome {
            Ok(()) => {
                self.api.fine();
                self.refusals = 0;
                self.backoff.success();
                self.spool.posted(self.id, record.id);
                self.done(&record);
                self.any_posted = true;
                self.status.change(|status| {
                    status.refusal = None;
                    status.posted += 1;
                    status.spooled = status.spooled.saturating_sub(1);
                });
                counter!("cybexp_input_posted_total", "input" => self.name.clone()).increment(1);
                return;
            }
            Err(error) => error,
        };
        let told = error.brief();
        match error {
            ClientError::Unreachable { .. } | ClientError::Failed { .. } => {
                self.api.trouble(&told);
                self.back(record);
            }
            // wrong token, wrong organisation, wrong URL: no fault of the record
            ClientError::Unauthorized(_) | ClientError::NotTheApi(_) => {
                self.back(record);
                self.hold(&told);
            }
            ClientError::Refused { .. } => {
                self.refusals += 1;
                if self.refusals >= REFUSALS {
                    self.back(record);
                    self.hold(&told);
                } else {
                    self.set_aside(&record, &told);
                }
            }
        }
    }

    fn set_aside(&mut self, record: &Queued, reason: &str) {
        warn!(input = self.name, record = record.id, reason, "set aside");
        self.spool.refused(record.id, reason);
        self.done(record);
        self.status.change(|status| {
            status.refused += 1;
            status.spooled = status.spooled.saturating_sub(1);
        });
        self.failed(reason);
        if !self.any_posted {
            self.refused_all(reason);
        }
        counter!("cybexp_input_refused_total", "input" => self.name.clone()).increment(1);
    }

    /// Sends nothing for a while.
    fn hold(&mut self, reason: &str) {
        if self.pause.is_none() {
            self.pause = Some(Instant::now() + self.backoff.failure());
            if self.backoff.failures() == 1 {
                warn!(
                    input = self.name,
                    reason, "the API takes nothing of it; it is kept in the spool"
                );
            }
            self.refusals = self.refusals.max(REFUSALS);
            self.failed(reason);
            self.refused_all(reason);
        }
    }

    fn refused_all(&self, reason: &str) {
        self.status
            .change(|status| status.refusal = Some(reason.to_owned()));
    }

    fn failed(&self, error: &str) {
        self.status.change(|status| {
            status.last_error = Some(error.to_owned());
            status.last_error_at = Some(now());
        });
    }

    fn done(&mut self, record: &Queued) {
        self.held.remove(&record.id);
        self.bytes -= record.data.len() as u64;
    }

    /// To be sent again, where it was.
    fn back(&mut self, record: Queued) {
        let place = self.waiting.partition_point(|other| other.id < record.id);
        self.waiting.insert(place, record);
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
