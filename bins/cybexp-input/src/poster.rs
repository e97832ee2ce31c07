//! From the spool to the API: one task for each input that has something in the spool.
//!
//! Records are sent in the order in which they were taken: all that wait, up to a limit, in one submission, and one at once
//! if one waits. What the API has is removed; what it refuses is set aside, unless it refuses everything: then it is not the
//! record that is wrong, and all of it waits.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use cybexp_client::ClientError;
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

/// The most records of a submission.
const RECORDS: usize = 10_000;
/// The bytes at which a submission takes no further record, and which an input reads ahead, about.
const BYTES: u64 = 4 << 20;
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
            most: RECORDS,
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
    /// The most records of the next submission: fewer after a failure, until submissions are taken again.
    most: usize,
    /// Refusals in a row.
    refusals: u32,
    /// Whether the API has taken something since this began, or began anew.
    any_posted: bool,
    backoff: Backoff,
    /// Until when nothing is sent, after refusals.
    pause: Option<Instant>,
}

type PostOutcome = (Vec<Queued>, Result<(), ClientError>);

impl Posting {
    async fn run(mut self) {
        let queued = self.spool.queued(self.id);
        let again = Arc::clone(&self.again);
        let stop = self.stop.clone();
        let mut under_way = FuturesUnordered::new();
        let mut more = true;
        while !stop.is_cancelled() {
            if more && self.waiting.len() < RECORDS && self.bytes < BYTES {
                more = self.read().await;
            }
            // one submission at a time keeps the order, and what comes meanwhile goes together
            if under_way.is_empty() && self.pause.is_none() && !self.waiting.is_empty() {
                let sure = tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    sure = self.api.ready() => sure,
                };
                let most = match sure && self.refusals < REFUSALS {
                    true => self.most,
                    false => 1,
                };
                let records = self.fill(most);
                under_way.push(self.send(records));
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
        let next = self.spool.next(self.id, self.after, RECORDS, room).await;
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

    /// Takes the next records that make a submission, at most this many. A submission has one name.
    fn fill(&mut self, most: usize) -> Vec<Queued> {
        let mut records: Vec<Queued> = Vec::new();
        let mut bytes = 0;
        while records.len() < most
            && bytes < BYTES
            && let Some(next) = self.waiting.front()
            && records.first().is_none_or(|first| first.name == next.name)
        {
            bytes += next.data.len() as u64;
            records.extend(self.waiting.pop_front());
        }
        records
    }

    fn send(&self, records: Vec<Queued>) -> impl Future<Output = PostOutcome> + use<> {
        let (client, tags) = (self.api.client(), self.tags.borrow().clone());
        let name = records.first().and_then(|record| record.name.clone());
        let name = name.unwrap_or_else(|| self.name.clone());
        async move {
            let since = Instant::now();
            let data: Vec<_> = records.iter().map(|record| &record.data).collect();
            let outcome = client.submit(&tags, &name, &data).await;
            histogram!("cybexp_input_post_seconds").record(since.elapsed());
            (records, outcome)
        }
    }

    fn judge(&mut self, (records, outcome): PostOutcome) {
        let error = match outcome {
            Ok(()) => return self.posted(&records),
            Err(error) => error,
        };
        let told = error.brief();
        match error {
            ClientError::Unreachable { .. }
            | ClientError::Failed { .. }
            | ClientError::AnotherProcess(_) => {
                self.api.trouble(&told);
                // it may have been too much at once for the network or a proxy
                self.most = (records.len() / 2).max(1);
                self.back(records);
            }
            // wrong token, wrong organisation, wrong URL: no fault of the records
            ClientError::Unauthorized(_) | ClientError::NotTheApi(_) => {
                self.back(records);
                self.hold(&told);
            }
            ClientError::Refused { bad, .. } if !bad.is_empty() => {
                let bad: HashMap<usize, String> = bad.into_iter().collect();
                let mut others = Vec::with_capacity(records.len());
                for (index, record) in records.into_iter().enumerate() {
                    match bad.get(&index) {
                        Some(reason) => self.set_aside(&record, reason),
                        None => others.push(record),
                    }
                }
                self.back(others);
            }
            // the record at fault is looked for
            ClientError::Refused { .. } if records.len() > 1 => {
                self.most = records.len() / 2;
                self.back(records);
            }
            ClientError::Refused { .. } => {
                self.refusals += 1;
                if self.refusals >= REFUSALS {
                    self.back(records);
                    self.hold(&told);
                } else {
                    records
                        .iter()
                        .for_each(|record| self.set_aside(record, &told));
                }
            }
        }
    }

    fn posted(&mut self, records: &[Queued]) {
        self.api.fine();
        self.refusals = 0;
        self.backoff.success();
        self.most = (self.most * 2).min(RECORDS);
        let ids = records.iter().map(|record| record.id).collect();
        self.spool.posted_all(self.id, ids);
        records.iter().for_each(|record| self.done(record));
        self.any_posted = true;
        let count = records.len() as u64;
        self.status.change(|status| {
            status.refusal = None;
            status.posted += count;
            status.spooled = status.spooled.saturating_sub(count);
        });
        counter!("cybexp_input_posted_total", "input" => self.name.clone()).increment(count);
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

    /// To be sent again, where they were.
    fn back(&mut self, records: Vec<Queued>) {
        for record in records.into_iter().rev() {
            let place = self.waiting.partition_point(|other| other.id < record.id);
            self.waiting.insert(place, record);
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
