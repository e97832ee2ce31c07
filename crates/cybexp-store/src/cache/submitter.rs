//! Submissions of many callers, written together in one transaction.

use tokio::sync::{mpsc, oneshot};

use crate::cache::entry::{EntryId, Submission};
use crate::cache::open::Cache;
use crate::cache::submit::{GROUP, GROUP_BYTES};
use crate::error::StoreError;

/// A handle to the tasks that write the submissions of all callers. Submissions that arrive while one group is written
/// form the next group. So no caller waits for a timer, and under load one transaction serves hundreds. Large submissions
/// are written one after the other beside the groups.
///
/// The tasks end when the last handle is gone.
#[derive(Debug, Clone)]
pub struct Submitter {
    small: mpsc::Sender<Job>,
    large: mpsc::Sender<Job>,
}

#[derive(Debug)]
struct Job {
    id: EntryId,
    submission: Submission,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl Submitter {
    /// Starts the tasks in the current runtime.
    pub fn new(cache: &Cache) -> Self {
        let (small, jobs) = mpsc::channel(GROUP);
        tokio::spawn(serve(cache.clone(), jobs));
        let (large, jobs) = mpsc::channel(1);
        tokio::spawn(serve(cache.clone(), jobs));
        Self { small, large }
    }

    /// Stores a submission and returns the id of its entry. The submission is durable once this returns. If the caller
    /// stops waiting, the submission may still be stored.
    pub async fn submit(&self, submission: Submission) -> Result<EntryId, StoreError> {
        let id = EntryId::new();
        let lane = match submission.sealed.len() > GROUP_BYTES {
            true => &self.large,
            false => &self.small,
        };
        let (answer, answered) = oneshot::channel();
        let job = Job {
            id,
            submission,
            answer,
        };
        let sent = lane.send(job).await;
        match (sent, answered.await) {
            (Ok(()), Ok(answer)) => answer.map(|()| id),
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
