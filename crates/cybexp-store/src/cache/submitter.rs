//! Submissions of many callers, written together in one transaction.

use tokio::sync::{mpsc, oneshot};

use crate::cache::entry::{EntryId, NewEntry, Submission};
use crate::cache::open::Cache;
use crate::cache::submit::{GROUP, GROUP_BYTES};
use crate::cache::upload::{Head, Upload};
use crate::error::StoreError;

/// A handle to the task that writes the submissions of all callers. Submissions that arrive while one group is written
/// form the next group. So no caller waits for a timer, and under load one transaction serves hundreds.
///
/// The task ends when the last handle is gone.
#[derive(Debug, Clone)]
pub struct Submitter(mpsc::Sender<Job>);

#[derive(Debug)]
struct Job {
    id: EntryId,
    submission: Submission,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl Submitter {
    /// Starts the task in the current runtime.
    pub fn new(cache: &Cache) -> Self {
        let (sender, jobs) = mpsc::channel(GROUP);
        tokio::spawn(serve(cache.clone(), jobs));
        Self(sender)
    }

    /// Stores a submission, which is durable once this returns. If the caller stops waiting, the submission may still
    /// be stored.
    pub async fn submit(&self, submission: Submission) -> Result<(), StoreError> {
        self.submit_as(EntryId::new(), submission).await
    }

    async fn submit_as(&self, id: EntryId, submission: Submission) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            id,
            submission,
            answer,
        };
        let sent = self.0.send(job).await;
        match (sent, answered.await) {
            (Ok(()), Ok(answer)) => answer,
            _ => Err(StoreError::Stopped),
        }
    }
}

async fn serve(cache: Cache, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.recv().await {
        let mut bytes = job.submission.sealed.len();
        let (mut group, mut answers) = (vec![(job.id, job.submission)], vec![job.answer]);
        while group.len() < GROUP
            && bytes < GROUP_BYTES
            && let Ok(job) = jobs.try_recv()
        {
            bytes += job.submission.sealed.len();
            group.push((job.id, job.submission));
            answers.push(job.answer);
        }
        let group: Vec<(EntryId, &Submission)> = group.iter().map(|(id, one)| (*id, one)).collect();
        let stored = cache.submit_as(&group).await;
        let one_by_one =
            group.len() > 1 && stored.as_ref().is_err_and(StoreError::is_of_a_document);
        for (submission, answer) in group.iter().zip(answers) {
            let stored = match one_by_one {
                true => cache.submit_as(std::slice::from_ref(submission)).await,
                false => stored.clone(),
            };
            // a caller that stopped waiting needs no answer
            let _ = answer.send(stored);
        }
    }
}

/// A submission of unknown length. A small one is stored together with others, and a large one as an [`Upload`].
#[derive(Debug)]
pub struct Incoming {
    upload: Upload,
    submitter: Submitter,
}

impl Incoming {
    /// Starts an empty submission.
    pub fn new(cache: &Cache, submitter: &Submitter) -> Self {
        Self {
            upload: cache.begin_upload(),
            submitter: submitter.clone(),
        }
    }

    /// Adds sealed bytes. After an error, only [`abort`](Self::abort) may follow.
    pub async fn write(&mut self, sealed: &[u8]) -> Result<(), StoreError> {
        self.upload.write(sealed).await
    }

    /// Makes an entry of the bytes, and returns its id. The entry is durable once this returns.
    pub async fn commit(
        mut self,
        entry: NewEntry,
        head: Option<Head>,
    ) -> Result<EntryId, StoreError> {
        let id = self.upload.id();
        match self.upload.small(head) {
            Some(sealed) => {
                let submission = Submission { entry, sealed };
                self.submitter.submit_as(id, submission).await?;
            }
            None => self.upload.commit(entry, head).await?,
        }
        Ok(id)
    }

    /// Drops the submission. Chunks that cannot be deleted now are swept later.
    pub async fn abort(self) {
        self.upload.abort().await;
    }
}
