//! Submissions of many callers, written together.

use tokio::sync::{mpsc, oneshot};

use crate::cache::entry::{EntryId, NewEntry, Submission};
use crate::cache::open::Cache;
use crate::cache::submit::{GROUP, GROUP_BYTES};
use crate::cache::upload::{Head, Upload};
use crate::error::StoreError;

/// A handle to the task that writes the submissions of all callers. What comes in while one group is written is the
/// next group, so nobody waits for a timer, and under load one transaction serves hundreds.
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
    /// Starts the task, in the runtime it is called in.
    pub fn new(cache: &Cache) -> Self {
        let (sender, jobs) = mpsc::channel(GROUP);
        tokio::spawn(serve(cache.clone(), jobs));
        Self(sender)
    }

    /// Stores a submission; it is safe once this returns. Whoever stops waiting may have it stored all the same.
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
            // who stopped waiting needs no answer
            let _ = answer.send(stored);
        }
    }
}

/// A submission of unknown length: stored together with those of others if it turns out small, and as an [`Upload`]
/// if not.
#[derive(Debug)]
pub struct Incoming {
    upload: Upload,
    submitter: Submitter,
}

impl Incoming {
    /// Begins with nothing.
    pub fn new(cache: &Cache, submitter: &Submitter) -> Self {
        Self {
            upload: cache.begin_upload(),
            submitter: submitter.clone(),
        }
    }

    /// Adds sealed bytes. After an error, all that is left to do is [`abort`](Self::abort).
    pub async fn write(&mut self, sealed: &[u8]) -> Result<(), StoreError> {
        self.upload.write(sealed).await
    }

    /// Makes an entry of it, and gives its id; it is safe once this returns.
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

    /// Forgets it. What cannot be deleted now is swept later.
    pub async fn abort(self) {
        self.upload.abort().await;
    }
}
