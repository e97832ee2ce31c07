//! A few threads for work that takes the processor for long, beside the threads that serve connections.

use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::turns::{TooManyWait, TurnLimits, Turns};

type Job = Box<dyn FnOnce() + Send>;

/// Threads that end with the pool. Jobs wait in lanes of type `K`, which take turns.
///
/// The threads are the pool's own because of the memory: the allocator keeps what a thread freed for that thread's next job,
/// and the runtime's blocking threads are many.
#[derive(Debug)]
pub(crate) struct Pool<K: Clone + Eq + Hash> {
    turns: Turns<K>,
    jobs: Sender<Job>,
}

/// The errors of a job.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PoolError {
    /// Too many jobs wait.
    #[error("too many jobs wait")]
    TooManyWait,
    /// The job panicked, which the log tells.
    #[error("a job panicked")]
    Panicked,
}

impl From<TooManyWait> for PoolError {
    fn from(_: TooManyWait) -> Self {
        Self::TooManyWait
    }
}

impl<K: Clone + Eq + Hash + Send + 'static> Pool<K> {
    /// Starts so many threads with this name. At most `waiting` jobs wait for them.
    ///
    /// # Errors
    /// The system gives no threads.
    pub(crate) fn start(name: &str, threads: usize, waiting: usize) -> std::io::Result<Self> {
        let (jobs, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..threads {
            let receiver = Arc::clone(&receiver);
            let thread = thread::Builder::new().name(name.to_owned());
            thread.spawn(move || work(&receiver))?;
        }
        let turns = Turns::new(TurnLimits {
            places: threads,
            of_lane: threads,
            waiting,
        });
        Ok(Self { turns, jobs })
    }

    /// Runs a job on a thread of the pool, once it is its turn.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        lane: K,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let turn = self.turns.take(lane).await?;
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move || {
            let outcome = job();
            drop(turn);
            // whoever wanted it may have left
            let _ = done.send(outcome);
        });
        self.jobs.send(job).map_err(|_| PoolError::Panicked)?;
        result.await.map_err(|_| PoolError::Panicked)
    }

    /// Runs a future on a thread of the pool, once it is its turn. The thread is taken as long as the future runs, so it must
    /// wait for nothing but the database.
    pub(crate) async fn drive<T: Send + 'static>(
        &self,
        lane: K,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, PoolError> {
        let runtime = Handle::current();
        self.run(lane, move || runtime.block_on(future)).await
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else {
            return;
        };
        // a panic is logged where it happens; it ends the job and not the thread
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn jobs_run_beside_the_runtime_and_a_panic_ends_one_only() {
        let pool = Pool::start("test", 1, 10).unwrap();
        let here = thread::current().id();
        let there = pool.run(1, move || thread::current().id()).await.unwrap();
        assert_ne!(here, there);
        let panic = pool.run(1, || panic!("as the test wants")).await;
        assert_eq!(panic, Err::<(), _>(PoolError::Panicked));
        let slept = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            thread::current().id()
        };
        assert_eq!(pool.drive(1, slept).await.unwrap(), there);
    }

    #[tokio::test]
    async fn more_jobs_than_may_wait_are_refused() {
        let pool = Pool::start("test", 1, 1).unwrap();
        let sleep = || thread::sleep(Duration::from_millis(100));
        let jobs = (0..3).map(|_| pool.run("lane", sleep));
        let outcomes = futures::future::join_all(jobs).await;
        let refused = Err(PoolError::TooManyWait);
        assert_eq!(outcomes, [Ok(()), Ok(()), refused]);
    }
}
