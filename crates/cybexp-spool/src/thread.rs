//! The thread that writes the spool: all jobs that wait for it share one transaction.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::warn;

use crate::db::SpoolFile;
use crate::error::SpoolError;
use crate::input::InputId;
use crate::news::Signals;

/// Jobs that share a transaction at most: more would only make the first one wait longer.
const GROUP: usize = 4096;
/// The bytes that share a transaction, about: its journal must stay small.
const GROUP_BYTES: u64 = 8 << 20;
/// The time without a job after which unused pages are given back to the disk.
const QUIET: Duration = Duration::from_secs(2);

/// The signal that is given once a job is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// There are records of this input to post.
    Queued(InputId),
    /// There is room again.
    Freed,
}

/// Something to be done in a transaction; again, if that is rolled back.
pub(crate) trait SpoolJob: Send {
    fn run(&mut self, database: &mut SpoolFile) -> rusqlite::Result<()>;
    fn end(self: Box<Self>, outcome: Result<(), SpoolError>);
    fn effect(&self) -> Effect;
    fn bytes(&self) -> u64;
}

/// A job whose result somebody waits for.
pub(crate) struct AnsweredJob<W, T> {
    pub(crate) work: W,
    pub(crate) effect: Effect,
    pub(crate) bytes: u64,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, SpoolError>>,
}

impl<W, T> AnsweredJob<W, T> {
    pub(crate) fn new(
        work: W,
        effect: Effect,
        bytes: u64,
    ) -> (Box<Self>, oneshot::Receiver<Result<T, SpoolError>>) {
        let (reply, answer) = oneshot::channel();
        let task = Self {
            work,
            effect,
            bytes,
            value: None,
            reply,
        };
        (Box::new(task), answer)
    }
}

impl<W, T> SpoolJob for AnsweredJob<W, T>
where
    W: FnMut(&mut SpoolFile) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, database: &mut SpoolFile) -> rusqlite::Result<()> {
        self.value = Some((self.work)(database)?);
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<(), SpoolError>) {
        let Self { value, reply, .. } = *self;
        // whoever asked may be gone
        let _ = reply.send(outcome.and_then(|()| value.ok_or(SpoolError::Gone)));
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Starts the thread; it ends when the sender is dropped and all that was sent is done.
pub(crate) fn start(
    database: SpoolFile,
    news: Arc<Signals>,
) -> std::io::Result<Sender<Box<dyn SpoolJob>>> {
    let (sender, jobs) = channel();
    std::thread::Builder::new()
        .name("spool".to_owned())
        .spawn(move || write(database, &jobs, &news))?;
    Ok(sender)
}

fn write(mut database: SpoolFile, jobs: &Receiver<Box<dyn SpoolJob>>, news: &Signals) {
    let mut may_shrink = true;
    loop {
        let first = if may_shrink {
            match jobs.recv_timeout(QUIET) {
                Ok(job) => job,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    may_shrink = database.shrink().unwrap_or(false);
                    continue;
                }
            }
        } else {
            match jobs.recv() {
                Ok(job) => job,
                Err(_) => return,
            }
        };
        let mut bytes = first.bytes();
        let mut group = vec![first];
        while group.len() < GROUP && bytes < GROUP_BYTES {
            let Ok(job) = jobs.try_recv() else { break };
            bytes += job.bytes();
            group.push(job);
        }
        may_shrink |= group.iter().any(|job| job.effect() == Effect::Freed);
        commit(&mut database, group, news);
    }
}

fn commit(database: &mut SpoolFile, mut group: Vec<Box<dyn SpoolJob>>, news: &Signals) {
    let all =
        database.transaction(|database| group.iter_mut().try_for_each(|job| job.run(database)));
    match all {
        Ok(()) => {
            for job in group {
                end(job, Ok(()), news);
            }
        }
        // one that fails does not take the others with it
        Err(_) if group.len() > 1 => {
            for job in group {
                commit(database, vec![job], news);
            }
        }
        Err(error) => {
            let error = database.error(&error);
            for job in group {
                warn!(%error, "the spool cannot be written");
                end(job, Err(error.clone()), news);
            }
        }
    }
}

fn end(job: Box<dyn SpoolJob>, outcome: Result<(), SpoolError>, news: &Signals) {
    let effect = job.effect();
    job.end(outcome);
    match effect {
        Effect::None => {}
        Effect::Queued(input) => news.queued(input).notify_one(),
        Effect::Freed => news.freed.notify_waiters(),
    }
}
